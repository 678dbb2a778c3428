/**
 * The part of the deployment record that lists ccs's streams and tables: those that are deployed,
 * with the server's description of them, and those that an unfinished deployment may have created.
 * Anything else on the server is not ccs's.
 */
import { CcsError } from '../../../domain/kernel/errors.ts'
import { asList, asObject, parseJson } from '../../../domain/kernel/json.ts'
import type { DeployedRelation, RelationPlan } from './actions.ts'

/** A source that an unfinished deployment may have created, or that a newer version replaced. */
export interface InProgressSource {
  /** Its name in the cluster. */
  readonly source: string
  /** The topic that the source fills; it is removed with it. */
  readonly topic?: string
  readonly model: string
}

/** ccs's streams and tables on one server. */
export interface KsqlRecord {
  readonly deployed: readonly DeployedRelation[]
  readonly inProgress: readonly InProgressSource[]
}

const FORMAT = 1

/** The record as JSON; readRecord() reads it. */
export function printRecord({ deployed, inProgress }: KsqlRecord): string {
  return JSON.stringify({ format: FORMAT, placed: deployed, begun: inProgress })
}

/** Reads a record; undefined gives an empty one. CCS_MANIFEST_INVALID if it can't be read. */
export function readRecord(text: string | undefined): KsqlRecord {
  if (text === undefined) return { deployed: [], inProgress: [] }
  const { format, placed, begun } = asObject(parseJson(text))
  if (
    format !== FORMAT ||
    !isListOf(placed, isDeployedRelation) ||
    !isListOf(begun, isInProgressSource)
  )
    throw new CcsError('CCS_MANIFEST_INVALID', "The target's record of its ksqlDB can't be read.", {
      hint: 'If a newer ccs wrote it, use that version.',
    })
  return { deployed: placed, inProgress: begun }
}

/** The record after a plan was applied: only the versions that the plan names remain. */
export function finalizeRecord(
  { versions }: Pick<RelationPlan, 'versions'>,
  { deployed }: KsqlRecord,
): KsqlRecord {
  const kept = deployed.filter(({ relation, version }) => versions.get(relation.name) === version)
  return { deployed: kept, inProgress: [] }
}

/** The record with a relation as deployed, in place of its earlier version. */
export function recordDeployed(
  record: KsqlRecord,
  next: DeployedRelation,
  source: string,
): KsqlRecord {
  const isOther = (one: DeployedRelation) => one.relation.name !== next.relation.name
  const at = record.deployed.findIndex((one) => !isOther(one))
  const others = record.deployed.filter(isOther)
  return {
    deployed: at < 0 ? [...others, next] : others.toSpliced(at, 0, next),
    inProgress: record.inProgress.filter((one) => one.source !== source),
  }
}

/** Joins two lists; of a source in both, the first entry counts. */
export function mergeInProgress(
  first: readonly InProgressSource[],
  others: readonly InProgressSource[],
): readonly InProgressSource[] {
  const known = new Set(first.map((one) => one.source))
  return [...first, ...others.filter((one) => !known.has(one.source))]
}

function isListOf<T>(value: unknown, isOne: (one: unknown) => one is T): value is readonly T[] {
  return Array.isArray(value) && value.every(isOne)
}

function isDeployedRelation(value: unknown): value is DeployedRelation {
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
      (areTexts([...asList(items), from, ...asList(where)]) && Array.isArray(where)))
  )
}

function isColumn(value: unknown): value is { readonly name: string; readonly type: string } & {
  readonly isKey: boolean
} {
  const { name, type } = asObject(value)
  return areTexts([name, type])
}

function isInProgressSource(value: unknown): value is InProgressSource {
  const { source, topic, model } = asObject(value)
  return areTexts([source, model]) && (topic === undefined || typeof topic === 'string')
}

function areTexts(values: readonly unknown[]): boolean {
  return values.every((one) => typeof one === 'string')
}
