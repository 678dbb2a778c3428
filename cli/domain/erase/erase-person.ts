/**
 * Erases a person: the id is on the list of the erased before anything goes, so that nothing of the
 * person comes in again; then the log is written anew without the person's records, or with events
 * of nobody known in their places, and all rows are made of it. Each step can be repeated: a run
 * that broke off is finished by the next one.
 */
import { CcsError } from '../kernel/errors.ts'
import { formatCount } from '../kernel/units.ts'
import type { Manifest } from '../lake/manifest.ts'
import { IMPORTS_TOPIC, REPLAYS_TOPIC } from '../log/topics.ts'
import type { Anonymise, EventFields, PlacedRecord } from './anonymise-event.ts'
import type { ErasedCopy } from './erased-copy.ts'
import { addErased, type ErasedList, nameErased, type Person } from './erased-ids.ts'
import { type PersonEvents, type PersonValues, readEventIds } from './find-person.ts'
import { createIdMatcher } from './match-bytes.ts'

/** A partition of the log in which records of the person are. */
export interface ErasedRecords {
  readonly topic: string
  readonly partition: number
  /** How many go. */
  readonly records: number
  /** How many stay as events of nobody known. */
  readonly anonymised: number
}

/** What becomes of a record of the log: it stays, it goes, or these bytes take its place. */
export type RecordFate = 'kept' | 'erased' | Uint8Array

/** Decides it; asked again about the same record, it answers the same. */
export type DecideFate = (record: PlacedRecord) => RecordFate

/** What an erasure works on. */
export interface ErasePorts {
  readonly nowMs: number
  loadErased(): Promise<ErasedList>
  saveErased(list: ErasedList): Promise<void>
  manifest(): Promise<Manifest | undefined>
  /** Offset after the last record of each partition of events.raw, by `topic-partition`. */
  logEnds(): Promise<ReadonlyMap<string, number>>
  findEvents(person: Person): Promise<PersonEvents>
  /** What makes events of the person events of nobody known; `ids` are not in them afterwards. */
  openAnonymiser(person: PersonValues, ids: readonly string[]): Promise<Anonymise>
  /** The fields of a record of events.raw; undefined: it is none, or not a valid event. */
  readEvent(record: PlacedRecord): EventFields | undefined
  /** Counts records of all topics, or removes and replaces them. */
  eraseRecords(decide: DecideFate, isDryRun: boolean): Promise<readonly ErasedRecords[]>
  /** Makes all rows of the log again, and removes the old ones, the daily marts included. */
  rebuildRows(): Promise<void>
  /** Removes what is left of rows before a rebuild that broke off, the daily marts included. */
  removeOldRows(): Promise<void>
  /** Removes the ids from queries and commands that were recorded. */
  redactHistory(ids: readonly string[]): Promise<void>
  /** Files below the data directory in which one of the ids still is. */
  findTraces(ids: readonly string[]): Promise<readonly string[]>
  /** Brings the rows without the person to the copy on S3; null: there is none. */
  eraseCopy(): Promise<ErasedCopy | null>
  saveReceipt(receipt: EraseReceipt): Promise<string>
  /** Backups that were taken before, and still have the person; null: none are known. */
  countBackups(): Promise<number | null>
}

/** What is kept about an erasure; it does not name the person. */
export interface EraseReceipt {
  readonly erased: string
  readonly kind: Person['kind']
  /** Keyed hash of the id. */
  readonly person: string
  readonly events: number
  readonly records: readonly ErasedRecords[]
  /** The copy of the lake on S3; null: there is none. */
  readonly s3: ErasedCopy | null
}

/** What goes, or has gone. */
export interface EraseResult {
  readonly applied: boolean
  /** Events of the person in Bronze. */
  readonly events: number
  /** Visitors who were this customer and nobody else: their ids are refused from now on too. */
  readonly visitors: number
  /** Records of the log: events, rejects and records of other topics. */
  readonly records: readonly ErasedRecords[]
  /** Files in which the id still is; [] is what is wanted. */
  readonly traces: readonly string[]
  /** Path of the receipt; null: nothing was done. */
  readonly receipt: string | null
  readonly backups: number | null
  /** The copy of the lake on S3; null: there is none, or nothing was done. */
  readonly s3: ErasedCopy | null
}

/** How a person is erased. */
export interface EraseOptions {
  /** Events stay as those of nobody known. */
  readonly isAnonymised: boolean
  readonly confirm: (plan: EraseResult) => Promise<boolean>
}

/** CCS_USAGE_INVALID for an id that is too short to search for, or an engine that lags behind. */
export async function erasePerson(
  person: Person,
  ports: ErasePorts,
  { isAnonymised, confirm }: EraseOptions,
): Promise<EraseResult> {
  requireSearchable(person)
  await requireCaughtUp(ports)
  const found = await ports.findEvents(person)
  const all = [person, ...found.visitors.map((id) => ({ kind: 'visitor', id }) as const)]
  const ids = [...all.map(({ id }) => id), ...found.pseudonyms]
  const anonymise = isAnonymised ? await ports.openAnonymiser(found.values, ids) : undefined
  const isOthers = (record: PlacedRecord) => belongsToOthers(record, ids, ports)
  const decide = decideFates(found, ids, { anonymise, isOthers })
  const planned = await ports.eraseRecords(decide, true)
  const events = [...found.offsets.values()].reduce((sum, one) => sum + one.size, 0)
  const known = { events, visitors: found.visitors.length, backups: await ports.countBackups() }
  const hasRecords = events > 0 || planned.length > 0
  // A run that broke off may have left files of the rows that were.
  const left = hasRecords ? [] : await ports.findTraces(ids)
  const nothing = { applied: false, receipt: null, s3: null }
  const plan = { ...known, ...nothing, records: planned, traces: left }
  const list = await ports.loadErased()
  const next = all.reduce(addErased, list)
  const isDone = !hasRecords && left.length === 0 && next === list
  if (isDone || !(await confirm(plan))) return plan
  await ports.saveErased(next)
  // Before the rows are new: from them, the person's visitors can't be found any more.
  await ports.redactHistory(ids)
  const records = await ports.eraseRecords(decide, false)
  if (hasRecords) await ports.rebuildRows()
  else if (left.length > 0) await ports.removeOldRows()
  const s3 = await ports.eraseCopy()
  const receipt = await ports.saveReceipt({
    erased: new Date(ports.nowMs).toISOString(),
    kind: person.kind,
    person: nameErased(next, person),
    events,
    records,
    s3,
  })
  const traces = await ports.findTraces(ids)
  return { ...known, applied: true, records, traces, receipt, s3 }
}

/** Of these topics, no record is about a person: they count what was imported and sent again. */
const LEDGERS = [IMPORTS_TOPIC, REPLAYS_TOPIC]

/**
 * Whether a record can't be the person's, whatever its bytes: an event names its customer and its
 * visitor, so a product or a page of the same number as a customer is none.
 */
function belongsToOthers(
  record: PlacedRecord,
  ids: readonly string[],
  { readEvent }: Pick<ErasePorts, 'readEvent'>,
): boolean {
  if (LEDGERS.some((topic) => record.place.startsWith(`${topic}-`))) return true
  const event = readEvent(record)
  if (!event) return false
  const { customer, visitor } = readEventIds(event)
  return !ids.includes(visitor) && (customer === null || !ids.includes(customer))
}

/**
 * An event that can't be anonymised is erased, and so is each other record that has an id and may
 * be the person's.
 */
function decideFates(
  { offsets }: PersonEvents,
  ids: readonly string[],
  by: {
    readonly anonymise: Anonymise | undefined
    readonly isOthers: (record: PlacedRecord) => boolean
  },
): DecideFate {
  const matchers = ids.map(createIdMatcher)
  const hasId = (bytes: Buffer) => matchers.some((matches) => matches(bytes))
  return (record) => {
    const isEvent = offsets.get(record.place)?.has(record.offset) === true
    if (!isEvent) return hasId(record.bytes) && !by.isOthers(record) ? 'erased' : 'kept'
    const bytes = by.anonymise?.(record)
    return bytes === undefined || hasId(Buffer.from(bytes)) ? 'erased' : bytes
  }
}

const ID_LENGTH_MIN = 3

/** CCS_USAGE_INVALID for an id that is too short to search for. */
export function requireSearchable({ id }: Person): void {
  if (id.length >= ID_LENGTH_MIN) return
  throw new CcsError('CCS_USAGE_INVALID', `"${id}" is too short to be searched for.`, {
    hint: `Name the whole id as events have it, at least ${ID_LENGTH_MIN} characters.`,
  })
}

/** What is not in Bronze yet can't be told to be the person's by visitor or session. */
async function requireCaughtUp(ports: ErasePorts): Promise<void> {
  const { positions = [] } = (await ports.manifest()) ?? {}
  const ends = await ports.logEnds()
  let behind = 0
  for (const [place, end] of ends) {
    const found = positions.find(({ topic, partition }) => `${topic}-${partition}` === place)
    behind += end - (found?.nextOffset ?? 0)
  }
  if (behind === 0) return
  throw new CcsError('CCS_USAGE_INVALID', `${formatCount(behind)} records are not taken in yet.`, {
    hint: 'Take them in first: ccs run --once',
  })
}
