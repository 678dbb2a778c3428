/**
 * The steps of a case in time: when each record arrives, how far behind the watermark it is, and which
 * row of raw.events it becomes. Computed here from the rules alone, so that the plain SQL run of a test owes
 * nothing to the engine that it is compared with.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { correctedMs } from './event-time.ts'
import {
  type AppendAction,
  CLOCK_VISITOR,
  type RawRow,
  type TestAction,
  type TestRecord,
} from './model-test.ts'
import { completeEvent, type EventContext, readFields } from './model-test-fields.ts'
import { shown, type YamlMap } from './model-test-yaml.ts'
import { didYouMean } from './suggest.ts'
import type { YamlPath } from './yaml.ts'

const VERBS = ['event', 'late', 'duplicate', 'invalid', 'advance', 'commit', 'restart', 'crash']
const BARE = ['commit', 'restart', 'crash'] as const

export interface TimelineContext extends EventContext {
  /** Makes the event ids of this case its own. */
  readonly seed: string
  /** How far the watermark stays behind the newest event, ms. */
  readonly watermarkDelayMs: number
}

/** Reads the steps of one case; faults go to the reader. */
export class Timeline {
  readonly actions: TestAction[] = []
  readonly accepted: RawRow[] = []
  readonly labels = new Map<string, string>()
  readonly #context: TimelineContext
  readonly #byLabel = new Map<string, RawRow>()
  #last: RawRow | undefined
  #clockMs: number | undefined
  #newestMs: number | undefined
  #records = 0

  constructor(context: TimelineContext) {
    this.#context = context
  }

  /** Arrival of the last record, ms; undefined: none came. */
  get clockMs(): number | undefined {
    return this.#clockMs
  }

  step(value: unknown, path: YamlPath): void {
    const { reader } = this.#context
    const bare = BARE.find((one) => one === value)
    if (bare !== undefined) {
      this.actions.push({ do: bare })
      return
    }
    if (typeof value === 'string') {
      const hint = VERBS.includes(value) ? `Write "- ${value}: …".` : didYouMean(value, VERBS)
      return reader.fault(path, `"${value}" is no step.`, hint)
    }
    const [verb, ...others] = Object.keys(reader.map(value, path, 'A step'))
    if (verb === undefined) return
    const here = [...path, verb]
    if (others.length > 0 || !VERBS.includes(verb) || BARE.some((one) => one === verb))
      return reader.fault(
        here,
        others.length > 0 ? 'A step has one verb.' : `"${verb}" is no step.`,
        others.length > 0 ? 'Begin each step with "- ".' : didYouMean(verb, VERBS),
        'key',
      )
    this.#verb(verb as AppendAction['verb'], (value as YamlMap)[verb], here) // checked above
  }

  #verb(verb: AppendAction['verb'], body: unknown, path: YamlPath): void {
    switch (verb) {
      case 'event':
        return this.#event(body, path)
      case 'late':
        return this.#late(body, path)
      case 'duplicate':
        return this.#duplicate(body, path)
      case 'invalid':
        return this.#invalid(body, path)
      case 'advance':
        return this.#advance(body, path)
      default:
        return verb satisfies never
    }
  }

  #event(body: unknown, path: YamlPath): void {
    const { reader } = this.#context
    const map = reader.map(body, path, 'An event')
    const event = this.#read(map, path, ['arrives'])
    if (event.event_ts === null) reader.fault(path, 'An event needs "at".', 'Add at: 10:00, in UTC.')
    this.#accept('event', event, path, this.#arrival(map, event, path))
  }

  #late(body: unknown, path: YamlPath): void {
    const { reader } = this.#context
    const map = reader.map(body, path, 'A late event')
    const byMs = 'by' in map ? reader.duration(map.by, [...path, 'by']) : undefined
    if (!('by' in map)) reader.fault(path, 'A late event needs "by".', 'Add by: 3 minutes.')
    if ('at' in map)
      reader.fault([...path, 'at'], '"by" says when a late event happened.', 'Leave "at" out.', 'key')
    if (this.#clockMs === undefined)
      return reader.fault(path, 'Nothing came before it that it could be late to.')
    const event = this.#read(map, path, ['by'])
    this.#accept('late', { ...event, event_ts: this.#clockMs - (byMs ?? 0) }, path, this.#clockMs)
  }

  #duplicate(body: unknown, path: YamlPath): void {
    const { reader } = this.#context
    const event = body === 'last' ? this.#last : this.#byLabel.get(String(body))
    if (event === undefined || this.#clockMs === undefined)
      return reader.fault(
        path,
        body === 'last' ? 'No event came before.' : `No event before has the id ${shown(body)}.`,
        didYouMean(String(body), ['last', ...this.#byLabel.keys()]),
      )
    this.#accept('duplicate', event, path, this.#clockMs)
  }

  #invalid(body: unknown, path: YamlPath): void {
    const { reader } = this.#context
    const map = reader.map(body, path, 'An invalid record')
    const { text, hex, schema_id: schemaId, cut: cutBytes } = map
    if ('text' in map || 'hex' in map) {
      reader.keys(map, path, 'A record of raw bytes', ['text', 'hex', 'arrives'])
      if ('hex' in map && !/^([0-9a-f]{2})*$/i.test(String(hex)))
        reader.fault([...path, 'hex'], 'These are no bytes in hexadecimal.')
      const bytes = 'hex' in map ? Buffer.from(String(hex), 'hex') : Buffer.from(String(text))
      return this.#append('invalid', { bytes }, path, this.#arrival(map, {}, path))
    }
    const event = this.#read(map, path, ['arrives', 'schema_id', 'cut'])
    const at = event.event_ts ?? this.#clockMs ?? null
    if (at === null) reader.fault(path, 'The first record of a case needs "at".')
    const damage = {
      ...(typeof schemaId === 'number' ? { schemaId } : {}),
      ...(typeof cutBytes === 'number' ? { cutBytes } : {}),
    }
    const record = { event: { ...event, event_ts: at }, ...damage }
    this.#append('invalid', record, path, this.#arrival(map, event, path))
  }

  /** A bot's event that no comparison sees takes the watermark there. */
  #advance(body: unknown, path: YamlPath): void {
    const { reader, contract, date, seed, watermarkDelayMs } = this.#context
    const toMs = reader.time(body, path, date)
    if (toMs === undefined) return
    const atMs = toMs + watermarkDelayMs
    if (this.#newestMs !== undefined && atMs <= this.#newestMs)
      return reader.fault(path, 'The watermark is there already, and never goes back.')
    const named = {
      event_ts: atMs,
      anonymous_id: CLOCK_VISITOR,
      customer_id: CLOCK_VISITOR,
      event_type: 'login',
      device: 'bot',
    }
    const eventId = uuidOf(`${seed}|clock-${this.#records}`)
    const event = completeEvent(contract, named, { ordinal: 0, eventId })
    this.#accept('advance', event, path, atMs)
  }

  #read(map: YamlMap, path: YamlPath, others: readonly string[]): RawRow {
    const { contract, seed } = this.#context
    const ordinal = this.#records + 1
    const named = readFields(this.#context, map, path, ['id', ...others])
    const label = map.id === undefined ? undefined : String(map.id)
    const eventId = uuidOf(`${seed}|${label ?? `#${ordinal}`}`)
    const event = completeEvent(contract, named, { ordinal, eventId })
    if (label !== undefined) {
      this.labels.set(label, String(event.event_id))
      this.#byLabel.set(label, event)
    }
    return event
  }

  #arrival(map: YamlMap, event: RawRow, path: YamlPath): number {
    const { reader, date } = this.#context
    const said =
      map.arrives === undefined
        ? (event.received_ts ?? event.event_ts)
        : reader.time(map.arrives, [...path, 'arrives'], date)
    return Math.max(this.#clockMs ?? 0, typeof said === 'number' ? said : 0)
  }

  #accept(verb: AppendAction['verb'], event: RawRow, path: YamlPath, appendMs: number): void {
    const eventMs = correctedMs(msOf(event.event_ts), msOf(event.sent_ts), msOf(event.received_ts))
    const newest = this.#newestMs ?? eventMs
    const lateMs = Math.max(0, newest - this.#context.watermarkDelayMs - eventMs)
    this.#newestMs = Math.max(newest, eventMs)
    if (verb !== 'advance') this.#last = event
    this.accepted.push({
      ...event,
      topic: 'events.raw',
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

function msOf(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN
}

/** A version-8 UUID that follows from the text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
