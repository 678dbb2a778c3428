/**
 * What ccs keeps of its streams and tables in the record of a deployment: as they were deployed, with the server's own
 * words of then, and what was begun. Whatever is found on a server and stands in neither is somebody else's.
 */
import { CcsError } from '../../../domain/kernel/errors.ts'
import { asObject } from '../../../domain/kernel/json.ts'
import { list } from '../client/query-service.ts'
import type { KsqlPlan, Placed } from './actions.ts'

/** A source that may be there by a deployment that was broken off, or that a newer version has replaced. */
export interface Begun {
  /** Names in the cluster. */
  readonly source: string
  /** Filled by the source; it goes with it. */
  readonly topic?: string
  readonly model: string
}

export interface KsqlRecord {
  readonly placed: readonly Placed[]
  readonly begun: readonly Begun[]
}

const FORMAT = 1

export function recordText({ placed, begun }: KsqlRecord): string {
  return JSON.stringify({ format: FORMAT, placed, begun })
}

/** Of nothing: an empty record. CCS_MANIFEST_INVALID when it is none: a newer ccs wrote it, or another program. */
export function readRecord(text: string | undefined): KsqlRecord {
  if (text === undefined) return { placed: [], begun: [] }
  const { format, placed, begun } = asObject(parsed(text))
  if (format !== FORMAT || !isListOf(placed, isPlaced) || !isListOf(begun, isBegun))
    throw new CcsError('CCS_MANIFEST_INVALID', "The target's record of its ksqlDB can't be read.", {
      hint: 'Was it written by a newer ccs? Then use that one.',
    })
  return { placed, begun }
}

/** The record once a plan is carried out: what is no more wanted, or begun and gone, is forgotten. */
export function settledRecord(
  { versions }: Pick<KsqlPlan, 'versions'>,
  { placed }: KsqlRecord,
): KsqlRecord {
  const kept = placed.filter(({ relation, version }) => versions.get(relation.name) === version)
  return { placed: kept, begun: [] }
}

export function merged(first: readonly Begun[], others: readonly Begun[]): readonly Begun[] {
  const known = new Set(first.map((one) => one.source))
  return [...first, ...others.filter((one) => !known.has(one.source))]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isListOf<T>(value: unknown, isOne: (one: unknown) => one is T): value is readonly T[] {
  return Array.isArray(value) && value.every(isOne)
}

function isPlaced(value: unknown): value is Placed {
  const { relation, version, statement, fields } = asObject(value)
  return (
    isRelation(relation) &&
    Number.isInteger(version) &&
    typeof statement === 'string' &&
    isListOf(fields, isColumn)
  )
}

function isRelation(value: unknown): boolean {
  const one = asObject(value)
  const { body, options, properties } = one
  const { items, from, where } = asObject(body)
  const { of, retentionMs } = asObject(one.keeps)
  return (
    areTexts([one.name, one.model, one.topic]) &&
    (one.kind === 'stream' || one.kind === 'table') &&
    ['none', 'join', 'table', 'window', 'session'].includes(String(one.memory)) &&
    Array.isArray(options) &&
    isListOf(one.columns, isColumn) &&
    (one.keeps === undefined ||
      of === 'records' ||
      of === 'rows' ||
      (of === 'windows' && Number.isInteger(retentionMs))) &&
    areTexts(Object.values(asObject(properties))) &&
    (body === undefined ||
      (areTexts([...list(items), from, ...list(where)]) && Array.isArray(where)))
  )
}

function isColumn(value: unknown): value is { readonly name: string; readonly type: string } & {
  readonly isKey: boolean
} {
  const { name, type } = asObject(value)
  return areTexts([name, type])
}

function isBegun(value: unknown): value is Begun {
  const { source, topic, model } = asObject(value)
  return areTexts([source, model]) && (topic === undefined || typeof topic === 'string')
}

function areTexts(values: readonly unknown[]): boolean {
  return values.every((one) => typeof one === 'string')
}
