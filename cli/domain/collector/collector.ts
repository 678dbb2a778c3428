/**
 * The collector's use case: takes the events of a request, judges each by the gate's own code, adds
 * what it keeps to the group that is written next, and answers when that is durable. Valid events
 * go to events.raw, also those that came before; the others with their bytes to events.dlq.
 */
import { RowFault } from '../documents/source-row.ts'
import type { Rejection } from '../gate/contract-rules.ts'
import type { ImportContract } from '../ingest/import-contract.ts'
import type { Clock } from '../kernel/clock.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { RAW_TOPIC } from '../log/topics.ts'
import { countName, FigureCounter, type Outcome, type SenderFigures } from './figures.ts'
import { fillEvent } from './fill-event.ts'
import type { GroupCommit } from './group-commit.ts'
import type { IncomingEvent } from './own-event.ts'
import { RecentIds } from './recent-ids.ts'
import type { ViewRates } from './view-rates.ts'
import { type CookieChange, identifyVisitor, type Sender } from './visitor.ts'

/** What became of one event, for its sender. */
export interface Receipt {
  /** null: it could not be read. */
  readonly event_id: string | null
  readonly status: Outcome
  readonly reason?: string
  readonly message?: string
  /** Members that the contract has no field for: they are not kept. */
  readonly ignored?: readonly string[]
}

/** The answer to a request whose events are durable. */
export interface CollectAnswer {
  readonly accepted: number
  readonly duplicate: number
  readonly rejected: number
  readonly events: readonly Receipt[]
}

/** An event that a mapping leaves out, as its type has no place in the contract. */
export const LEFT_OUT = Symbol('left out')

/** An event of a request, or the sign that it is left out. */
export type Incoming = IncomingEvent | typeof LEFT_OUT

/** The events of a request, in their order. */
export interface Delivery {
  readonly events: readonly Incoming[]
  /** What came, for rejects of which nothing else can be shown. */
  readonly body: Buffer
  /** Where it came in, such as `/v1/events`. */
  readonly door: string
}

/** The answer, and what it does with the visitor's cookie. */
export interface Taken {
  readonly answer: CollectAnswer
  readonly cookie: CookieChange
}

/** What the collector is made of. */
export interface CollectorParts {
  readonly contract: ImportContract
  readonly commit: GroupCommit
  readonly clock: Clock
  readonly viewRates: ViewRates
  /** A random UUID. */
  readonly makeId: () => string
  /** The key of visitors' ids for the day of `nowMs`. */
  readonly saltOf: (nowMs: number) => Buffer
  /** A longer record is rejected, and of a rejected event no more is kept. */
  readonly eventBytesMax: number
  /** The partition that rejects name; the events themselves never were in it. */
  readonly partition: number
}

/** Takes events until the process ends. */
export class Collector {
  readonly figures: FigureCounter
  readonly recentIds = new RecentIds()
  readonly #parts: CollectorParts
  readonly #scratch = new RecordBatch(8192)
  readonly #hasBotHint: boolean
  readonly #required: readonly string[]

  constructor(parts: CollectorParts) {
    this.#parts = parts
    this.figures = new FigureCounter(parts.clock.nowMs())
    this.#hasBotHint = parts.contract.event.fields.some(({ name }) => name === 'bot_hint')
    const { fields } = parts.contract.event
    this.#required = fields.filter(({ isRequired }) => isRequired).map(({ name }) => name)
  }

  /** Whether the disk is too far behind for more. */
  get isBehind(): boolean {
    return this.#parts.commit.isBehind
  }

  /** Whether the last write failed, a moment ago. */
  get hasJustFailed(): boolean {
    return this.#parts.commit.hasJustFailed
  }

  /** Resolves when all that is kept is durable; throws if that failed: then nothing is answered. */
  async take(delivery: Delivery, sender: Sender): Promise<Taken> {
    const figures = this.figures.of(sender.name)
    const counts = { accepted: 0, duplicate: 0, rejected: 0, left_out: 0 }
    const events: Receipt[] = []
    let lastMs: unknown
    let alike = 0
    let cookie: CookieChange
    for (const incoming of delivery.events) {
      const judged = this.#judge(incoming, delivery, sender, figures)
      events.push(judged.receipt)
      counts[judged.receipt.status]++
      cookie ??= judged.cookie
      // Events that are stamped when they are sent stand next to one another.
      if (judged.eventMs === lastMs && lastMs !== undefined) alike += alike === 0 ? 2 : 1
      lastMs = judged.eventMs
    }
    figures.sharedTime += alike
    try {
      await this.#parts.commit.commit()
    } catch (error) {
      this.recentIds.forget()
      throw error
    }
    // Its keys are the outcomes.
    for (const [outcome, count] of Object.entries(counts))
      figures.outcomes[outcome as Outcome] += count
    const { accepted, duplicate, rejected } = counts
    return { answer: { accepted, duplicate, rejected, events }, cookie }
  }

  #judge(
    incoming: Incoming,
    { body, door }: Delivery,
    sender: Sender,
    figures: SenderFigures,
  ): Judged {
    if (incoming === LEFT_OUT)
      return {
        receipt: {
          ...{ event_id: null, status: 'left_out' },
          message: 'The mapping leaves events of this type out: they have no place here.',
        },
      }
    const { fields, raw, ignored } = incoming
    for (const name of ignored) countName(figures.ignored, name)
    const named = ignored.length > 0 ? { ignored } : {}
    const reject = (id: unknown, fault: Rejection, record?: Buffer): Judged => {
      const origin = `${door} of ${sender.name}`
      const what = record ?? writeRaw(raw) ?? body
      this.#reject(what, { ...fault, origin, isRecord: record !== undefined }, sender.receivedMs)
      figures.reasons[fault.reason] = (figures.reasons[fault.reason] ?? 0) + 1
      const { reason, message } = fault
      const event_id = typeof id === 'string' ? id : null
      return { receipt: { event_id, status: 'rejected', reason, message, ...named } }
    }
    if (fields instanceof RowFault) return reject(null, fields)
    const { contract, commit, makeId } = this.#parts
    const eventMs = fields.event_ts ?? undefined
    const filled = fillEvent(fields, raw, sender, makeId)
    if (filled.id) figures.withoutId++
    if (filled.time) figures.withoutTime++
    const cookie = this.#identify(fields, sender)
    this.#hint(fields, sender, figures)
    const missing = this.#required.find((name) => fields[name] === null)
    if (missing !== undefined) {
      const message = `An event needs ${missing}.`
      return { ...reject(fields.event_id, { reason: 'missing_field', message }), cookie }
    }
    let record: Buffer
    try {
      record = this.#scratch.encodeOne((batch) => contract.encodeEvent(batch, fields))
    } catch (error) {
      return { ...reject(fields.event_id, describeUnencodable(error)), cookie }
    }
    const fault = this.#measure(record)
    if (fault !== undefined) return { ...reject(fields.event_id, fault), cookie }
    const violation = contract.validate(record, sender.receivedMs)
    // As a record, `ccs dlq replay` can mend it and send it again.
    if (violation !== undefined)
      return { ...reject(fields.event_id, violation, Buffer.from(record)), cookie }
    const id = String(fields.event_id)
    commit.addEvent(String(fields.anonymous_id), record)
    const status = this.recentIds.add(id) ? 'accepted' : 'duplicate'
    return { receipt: { event_id: id, status, ...named }, cookie, eventMs }
  }

  #measure({ length }: Buffer): Rejection | undefined {
    const { eventBytesMax } = this.#parts
    if (length <= eventBytesMax) return undefined
    const message = `The event has ${length} bytes; ${eventBytesMax} are allowed.`
    return { reason: 'too_large', message }
  }

  /** Whose it is: servers and apps say it; for a page it is decided here. */
  #identify(fields: Record<string, unknown>, sender: Sender): CookieChange {
    const isSaid = typeof fields.anonymous_id === 'string' && fields.anonymous_id !== ''
    if (isSaid && !sender.isBrowser) return undefined
    const salt = this.#parts.saltOf(sender.receivedMs)
    const { anonymous_id, session_id, consent } = fields
    const visitor = identifyVisitor({ anonymous_id, session_id, consent }, sender, salt)
    fields.anonymous_id = visitor.id
    fields.consent = visitor.consent
    return sender.isBrowser ? visitor.cookie : undefined
  }

  /** Flags what SQL can't see. A hint that the sender wrote itself is replaced. */
  #hint(fields: Record<string, unknown>, sender: Sender, figures: SenderFigures): void {
    if (!this.#hasBotHint) return
    if (!sender.isBrowser) {
      fields.bot_hint = null
      return
    }
    const { viewRates } = this.#parts
    const visitor = String(fields.anonymous_id)
    const isFast = viewRates.isInhuman(visitor, String(fields.event_type), sender.receivedMs)
    const hint = sender.isDataCentre ? 'data centre' : isFast ? 'rate' : null
    fields.bot_hint = hint
    if (hint !== null) countName(figures.bots, hint)
  }

  #reject(bytes: Buffer, about: RejectAbout, nowMs: number): void {
    const { contract, commit, partition, eventBytesMax } = this.#parts
    const { reason, message, origin, isRecord } = about
    const kept = bytes.subarray(0, eventBytesMax)
    const schema_id = isRecord ? contract.schemaId : null
    commit.addReject(
      this.#scratch.encodeOne((batch) =>
        contract.encodeReject(batch, {
          ...{ reason, message, topic: RAW_TOPIC, partition, offset: -1, first_seen: nowMs },
          ...{ schema_id, origin, model: null, bytes: kept },
        }),
      ),
    )
  }
}

interface RejectAbout extends Rejection {
  readonly origin: string
  /** The bytes are a record of events.raw, not what was sent. */
  readonly isRecord: boolean
}

interface Judged {
  readonly receipt: Receipt
  readonly cookie?: CookieChange
  /** The time that the sender gave. */
  readonly eventMs?: unknown
}

/** The event's own JSON; undefined if it can't be written, as when it is nested too deeply. */
function writeRaw(raw: unknown): Buffer | undefined {
  if (Buffer.isBuffer(raw)) return raw
  try {
    const text = JSON.stringify(raw)
    return text === undefined ? undefined : Buffer.from(text)
  } catch {
    return undefined
  }
}

function describeUnencodable(error: unknown): Rejection {
  const message = error instanceof Error ? error.message : String(error)
  return { reason: 'wrong_type', message }
}
