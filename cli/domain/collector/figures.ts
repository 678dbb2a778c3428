/**
 * What the collector counts since it started: by sender, what became of its events, and what its
 * code leaves out; and the requests that were refused, by status. Kept in a file beside the data,
 * so that the engine's metrics and `ccs doctor` can show it.
 */
import { asObject, isObject } from '../kernel/json.ts'

/** What became of an event. */
export const OUTCOMES = ['accepted', 'duplicate', 'rejected', 'left_out'] as const

/** One of OUTCOMES. */
export type Outcome = (typeof OUTCOMES)[number]

/** Counts of one sender. */
export interface SenderFigures {
  readonly outcomes: Record<Outcome, number>
  /** Rejected events by reason. */
  readonly reasons: Record<string, number>
  /** Events whose sender gave no id, or no time. */
  withoutId: number
  withoutTime: number
  /** Events that have the same time as another one of their request. */
  sharedTime: number
  /** Events flagged as bots', by the hint. */
  readonly bots: Record<string, number>
  /** Members that the contract has no field for, with how many events had them. */
  readonly ignored: Record<string, number>
}

/** All counts, since `startedMs`. */
export interface CollectFigures {
  readonly startedMs: number
  /** When they were written. */
  readonly atMs: number
  readonly requests: number
  /** Refused requests by status, of which nothing is kept. */
  readonly refused: Readonly<Record<string, number>>
  /** Groups of events that were written together. */
  readonly groups: number
  readonly senders: Readonly<Record<string, SenderFigures>>
}

/** Names of members that one sender may add to the counts. */
const IGNORED_MAX = 30

/** Counts; written and read as CollectFigures. */
export class FigureCounter {
  requests = 0
  readonly #startedMs: number
  readonly #refused: Record<string, number> = {}
  readonly #senders = new Map<string, SenderFigures>()

  constructor(startedMs: number) {
    this.#startedMs = startedMs
  }

  /** The counts of a sender, to be added to. */
  of(sender: string): SenderFigures {
    const known = this.#senders.get(sender)
    if (known !== undefined) return known
    const figures = createFigures()
    this.#senders.set(sender, figures)
    return figures
  }

  refuse(status: number): void {
    this.#refused[status] = (this.#refused[status] ?? 0) + 1
  }

  read(nowMs: number, groups: number): CollectFigures {
    return {
      ...{ startedMs: this.#startedMs, atMs: nowMs, requests: this.requests, groups },
      refused: this.#refused,
      senders: Object.fromEntries(this.#senders),
    }
  }
}

/** How many events became what, whoever sent them. */
export function totalFigures({ senders }: CollectFigures): Readonly<Record<Outcome, number>> {
  const total = createFigures().outcomes
  for (const { outcomes } of Object.values(senders))
    for (const outcome of OUTCOMES) total[outcome] += outcomes[outcome]
  return total
}

/** Adds one to the count of `name`, unless there are too many names. */
export function countName(counts: Record<string, number>, name: string): void {
  if (!Object.hasOwn(counts, name) && Object.keys(counts).length >= IGNORED_MAX) return
  Object.defineProperty(counts, name, {
    value: (Object.hasOwn(counts, name) ? (counts[name] ?? 0) : 0) + 1,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

/** The counts of a file; undefined if it has none. */
export function parseFigures(text: string): CollectFigures | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || !isObject(value.senders)) return undefined
  const number = (one: unknown) => (typeof one === 'number' ? one : 0)
  const { startedMs, atMs, requests, groups } = value
  return {
    ...{ startedMs: number(startedMs), atMs: number(atMs) },
    ...{ requests: number(requests), groups: number(groups) },
    refused: numbers(value.refused),
    senders: Object.fromEntries(
      Object.entries(value.senders).map(([name, one]) => [name, readSender(asObject(one))]),
    ),
  }
}

function readSender(one: Readonly<Record<string, unknown>>): SenderFigures {
  const { withoutId, withoutTime, sharedTime } = numbers(one)
  return {
    outcomes: { ...createFigures().outcomes, ...numbers(one.outcomes) },
    ...{ reasons: numbers(one.reasons), bots: numbers(one.bots), ignored: numbers(one.ignored) },
    ...{ withoutId: withoutId ?? 0, withoutTime: withoutTime ?? 0, sharedTime: sharedTime ?? 0 },
  }
}

function numbers(value: unknown): Record<string, number> {
  const entries = Object.entries(asObject(value))
  return Object.fromEntries(
    entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  )
}

function createFigures(): SenderFigures {
  return {
    outcomes: { accepted: 0, duplicate: 0, rejected: 0, left_out: 0 },
    ...{ reasons: {}, withoutId: 0, withoutTime: 0, sharedTime: 0, bots: {}, ignored: {} },
  }
}
