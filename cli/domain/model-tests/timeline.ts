/**
 * The steps of a case in time: when each record arrives, how late it is, and which row of
 * raw.events it becomes. Computed from the rules alone, so that the plain SQL run does not depend
 * on the engine that it is compared with.
 */

import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { showValue } from '../documents/document-reader.ts'
import type { YamlPath } from '../documents/yaml-document.ts'
import { correctEventTimeMs } from '../events/event-time.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import type { JsonObject } from '../kernel/json.ts'
import { RAW_TOPIC } from '../log/topics.ts'
import { completeEvent, type EventContext, readFields } from './event-fields.ts'
import {
  type AppendAction,
  type RawRow,
  type TestAction,
  type TestRecord,
  WATERMARK_VISITOR,
} from './model-test.ts'
import { readTime } from './read-time.ts'

const VERBS_WITH_BODY = ['event', 'late', 'duplicate', 'invalid', 'advance'] as const
const BARE = ['commit', 'restart', 'crash'] as const
const VERBS: readonly string[] = [...VERBS_WITH_BODY, ...BARE]
const REPEATS_MAX = 10_000

/** What is needed to read the steps of a case. */
export interface TimelineContext extends EventContext {
  /** Makes the event ids of the case unique. */
  readonly seed: string
  /** How far the watermark stays behind the newest event, ms. */
  readonly watermarkDelayMs: number
}

/** Collects the actions and expected records of one case; faults go to the reader. */
export class Timeline {
  readonly actions: TestAction[] = []
  readonly accepted: RawRow[] = []
  readonly labels = new Map<string, string>()
  readonly #context: TimelineContext
  readonly #byId = new Map<string, RawRow>()
  #last: RawRow | undefined
  #clockMs: number | undefined
  #newestMs: number | undefined
  #records = 0

  constructor(context: TimelineContext) {
    this.#context = context
  }

  /** Arrival of the last record, ms; undefined: none so far. */
  get clockMs(): number | undefined {
    return this.#clockMs
  }

  readStep(value: unknown, path: YamlPath): void {
    const { reader } = this.#context
    const bare = BARE.find((one) => one === value)
    if (bare !== undefined) {
      this.actions.push({ do: bare })
      return
    }
    if (typeof value === 'string') {
      const hint = () =>
        VERBS.includes(value) ? `Write "- ${value}: …".` : didYouMean(value, VERBS)
      reader.fault(path, `"${value}" is not a step.`, hint)
      return
    }
    const map = reader.map(value, path, 'A step')
    const [name, ...others] = Object.keys(map)
    if (name === undefined) return
    const here = [...path, name]
    const verb = VERBS_WITH_BODY.find((one) => one === name)
    if (others.length > 0)
      reader.fault(here, 'A step has exactly one verb.', 'Begin each step with "- ".', 'key')
    else if (BARE.some((one) => one === name))
      reader.fault(here, `"${name}" takes no value.`, `Write "- ${name}".`, 'key')
    else if (verb === undefined)
      reader.fault(here, `"${name}" is not a step.`, () => didYouMean(name, VERBS), 'key')
    else this.#verb(verb, map[verb], here)
  }

  #verb(verb: AppendAction['verb'], body: unknown, path: YamlPath): void {
    switch (verb) {
      case 'event':
        this.#event(body, path)
        break
      case 'late':
        this.#late(body, path)
        break
      case 'duplicate':
        this.#duplicate(body, path)
        break
      case 'invalid':
        this.#invalid(body, path)
        break
      case 'advance':
        this.#advance(body, path)
        break
      default:
        verb satisfies never
    }
  }

  #event(body: unknown, path: YamlPath): void {
    const { reader } = this.#context
    const map = reader.map(body, path, 'An event')
    const everyMs = 'every' in map ? (reader.duration(map.every, [...path, 'every']) ?? 0) : 0
    const times = reader.count(map.times, [...path, 'times'], 'times') ?? 1
    if ('every' in map !== 'times' in map) reader.fault(path, '"every" and "times" go together.')
    if (times > REPEATS_MAX) reader.fault([...path, 'times'], `At most ${REPEATS_MAX} times.`)
    if (!('at' in map || 'event_ts' in map))
      reader.fault(path, 'An event needs "at".', 'Add at: 10:00, in UTC.')
    const known = reader.faultCount
    // A fault is reported once, however often the event repeats.
    for (let time = 0; time < times && reader.faultCount === known; time++) {
      const event = this.#read(map, path, ['arrives', 'every', 'times'])
      const one = { ...event, event_ts: asMs(event.event_ts) + time * everyMs }
      this.#accept('event', one, path, this.#arrival(map, one, path))
    }
  }

  #late(body: unknown, path: YamlPath): void {
    const { reader } = this.#context
    const map = reader.map(body, path, 'A late event')
    const byMs = 'by' in map ? reader.duration(map.by, [...path, 'by']) : undefined
    if (!('by' in map)) reader.fault(path, 'A late event needs "by".', 'Add by: 3 minutes.')
    if ('at' in map)
      reader.fault([...path, 'at'], 'A late event has "by" instead of "at".', 'Remove "at".', 'key')
    const event = this.#read(map, path, ['by'])
    if (this.#clockMs === undefined)
      reader.fault(path, 'There is no earlier event that it could be late for.')
    const clockMs = this.#clockMs ?? 0
    this.#accept('late', { ...event, event_ts: clockMs - (byMs ?? 0) }, path, clockMs)
  }

  #duplicate(body: unknown, path: YamlPath): void {
    const { reader } = this.#context
    const eventId = this.labels.get(String(body)) ?? ''
    const event = body === 'last' ? this.#last : this.#byId.get(eventId)
    if (event !== undefined) this.#accept('duplicate', event, path, this.#clockMs ?? 0)
    else if (body === 'last') reader.fault(path, 'There is no earlier event.')
    else
      reader.fault(path, `No earlier event has the id ${showValue(body)}.`, () =>
        didYouMean(String(body), ['last', ...this.labels.keys()]),
      )
  }

  #invalid(body: unknown, path: YamlPath): void {
    const { reader } = this.#context
    const map = reader.map(body, path, 'An invalid record')
    const { text, hex } = map
    if ('text' in map || 'hex' in map) {
      reader.checkKeys(map, path, 'A record of raw bytes', ['text', 'hex', 'arrives'])
      if ('hex' in map && !/^([0-9a-f]{2})*$/i.test(String(hex)))
        reader.fault([...path, 'hex'], 'These are not bytes in hexadecimal.')
      const bytes = 'hex' in map ? Buffer.from(String(hex), 'hex') : Buffer.from(String(text))
      this.#append('invalid', { bytes }, path, this.#arrival(map, {}, path))
      return
    }
    const schemaId = reader.count(map.schema_id, [...path, 'schema_id'], 'schema_id')
    const cutBytes = reader.count(map.cut, [...path, 'cut'], 'cut')
    const event = this.#read(map, path, ['arrives', 'schema_id', 'cut'])
    const at = event.event_ts ?? this.#clockMs ?? null
    if (at === null) reader.fault(path, 'The first record of a case needs "at".')
    const damage = {
      ...(schemaId === undefined ? {} : { schemaId }),
      ...(cutBytes === undefined ? {} : { cutBytes }),
    }
    const record = { event: { ...event, event_ts: at }, ...damage }
    this.#append('invalid', record, path, this.#arrival(map, event, path))
  }

  /** Advances the watermark by a bot's event, which comparisons ignore. */
  #advance(body: unknown, path: YamlPath): void {
    const { reader, contract, date, seed, watermarkDelayMs } = this.#context
    const toMs = readTime(reader, body, path, date)
    if (toMs === undefined) return
    const atMs = toMs + watermarkDelayMs
    if (this.#newestMs !== undefined && atMs <= this.#newestMs)
      reader.fault(path, 'The watermark is there already and never goes back.')
    const named = {
      event_ts: atMs,
      anonymous_id: WATERMARK_VISITOR,
      customer_id: WATERMARK_VISITOR,
      event_type: 'login',
      device: 'bot',
    }
    const eventId = deriveUuid(`${seed}|clock-${this.#records}`)
    const event = completeEvent(contract, named, { ordinal: 0, eventId })
    this.#accept('advance', event, path, atMs)
  }

  #read(map: JsonObject, path: YamlPath, others: readonly string[]): RawRow {
    const { contract, seed } = this.#context
    const ordinal = this.#records + 1
    const named = readFields(this.#context, map, path, ['id', ...others])
    const label = map.id === undefined ? undefined : String(map.id)
    const eventId = deriveUuid(`${seed}|${label ?? `#${ordinal}`}`)
    const event = completeEvent(contract, named, { ordinal, eventId })
    if (label !== undefined) this.labels.set(label, String(event.event_id))
    return event
  }

  #arrival(map: JsonObject, event: RawRow, path: YamlPath): number {
    const { reader, date } = this.#context
    const said =
      map.arrives === undefined
        ? (event.received_ts ?? event.event_ts)
        : readTime(reader, map.arrives, [...path, 'arrives'], date)
    return Math.max(this.#clockMs ?? 0, typeof said === 'number' ? said : 0)
  }

  #accept(verb: AppendAction['verb'], event: RawRow, path: YamlPath, appendMs: number): void {
    const eventMs = correctEventTimeMs(
      asMs(event.event_ts),
      asMs(event.sent_ts),
      asMs(event.received_ts),
    )
    const boundedMs = Math.min(eventMs, appendMs)
    const newest = this.#newestMs ?? boundedMs
    const lateMs = Math.max(0, newest - this.#context.watermarkDelayMs - eventMs)
    this.#newestMs = Math.max(newest, boundedMs)
    if (verb !== 'advance') this.#last = event
    this.#byId.set(String(event.event_id), event)
    this.accepted.push({
      ...event,
      topic: RAW_TOPIC,
      partition: 0,
      offset: this.#records,
      ingest_time: appendMs,
      late_ms: lateMs,
    })
    this.#append(verb, { event }, path, appendMs)
  }

  #append(verb: AppendAction['verb'], record: TestRecord, path: YamlPath, appendMs: number): void {
    this.#clockMs = appendMs
    this.#records++
    const line = this.#context.reader.line(path)
    this.actions.push({ do: 'append', verb, line, appendMs, record })
  }
}

function asMs(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN
}

/** Derives a version 8 UUID from a text. */
function deriveUuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-a$4-$5')
}
