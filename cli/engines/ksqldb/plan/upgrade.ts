/**
 * What CREATE OR REPLACE and ALTER can do to one relation, and what they can't: the matrix as a 7.9.9 server keeps it.
 * What it refuses is made anew beside the old, under the next version, and read from the beginning.
 */
import { canonicalJson, hashOf } from '../../../domain/deploy/plan/resource-content.ts'
import type { KsqlField } from '../client/query-service.ts'
import { type KsqlColumn, type Relation, readsOf } from './relation.ts'

export type Upgrade =
  | { readonly how: 'none' }
  /** CREATE OR REPLACE: rows from now on follow the new text, those before stay. */
  | { readonly how: 'replace'; readonly why: string }
  | { readonly how: 'alter'; readonly why: string; readonly columns: readonly KsqlColumn[] }
  /** A new one beside it, with a topic of its own. */
  | { readonly how: 'anew'; readonly why: string }

/** Equal for relations that ksqlDB would run the same; names in the cluster are no part of it. */
export function hashOfRelation(relation: Relation): string {
  return hashOf(canonicalJson(relation))
}

/** How `before`, as it was deployed, becomes `after`; `read` is what both read. */
export function upgradeOf(before: Relation, after: Relation, read?: Relation): Upgrade {
  if (hashOfRelation(before) === hashOfRelation(after)) return { how: 'none' }
  const isOverWindows = read !== undefined && ['window', 'session'].includes(read.memory)
  const why =
    obstacle(before, after) ??
    (isOverWindows ? 'what reads windows can never be replaced' : undefined)
  if (why !== undefined) return { how: 'anew', why }
  const added = after.columns.slice(before.columns.length)
  const names = added.map((one) => one.name).join(', ')
  if (after.body) {
    const what = added.length > 0 ? `${names} added at the end` : 'its SELECT changed'
    return { how: 'replace', why: `${what}; rows that are there stay as they are` }
  }
  if (added.length > 0) return { how: 'alter', why: `${names} added at the end`, columns: added }
  return { how: 'anew', why: 'its declaration changed' }
}

/** Why the server would refuse to do it in place; undefined: it would do it. */
function obstacle(before: Relation, after: Relation): string | undefined {
  if (before.kind !== after.kind) return `it was a ${before.kind}, and becomes a ${after.kind}`
  if ((before.body === undefined) !== (after.body === undefined))
    return 'it was declared over a topic, and becomes a query, or the other way round'
  if (before.seed !== after.seed) return 'its rows changed'
  if (before.topic !== after.topic) return `its topic was ${before.topic}`
  if (readsOf(before) !== readsOf(after)) return `it read ${readsOf(before)}`
  if (canonicalJson(before.options) !== canonicalJson(after.options))
    return 'formats, retention or timestamp changed'
  if (canonicalJson(before.keeps ?? null) !== canonicalJson(after.keeps ?? null))
    return 'its topic is kept otherwise'
  const keys = (one: Relation) => canonicalJson(one.columns.filter((column) => column.isKey))
  if (keys(before) !== keys(after)) return 'its key changed'
  const lost = before.columns.find((one, index) => !sameColumn(one, after.columns[index]))
  if (lost !== undefined) return `column ${lost.name} is gone, moved or of another type`
  switch (after.memory === 'none' ? before.memory : after.memory) {
    case 'window':
      return 'a windowed table can never be replaced, not even by the same text'
    case 'session':
      return 'a table of sessions can never be replaced, not even by the same text'
    case 'table':
      return 'what it has counted so far would stay in its sums'
    case 'join':
      return 'a join can never be replaced'
    case 'none':
      return undefined
  }
}

function sameColumn(before: KsqlColumn, after: KsqlColumn | undefined): boolean {
  return after !== undefined && canonicalJson(before) === canonicalJson(after)
}

/** Whether the server's columns are those of the relation; names of types differ between statement and answer. */
export function hasColumns(fields: readonly KsqlField[], columns: readonly KsqlColumn[]): boolean {
  const shown = (one: KsqlField | KsqlColumn) =>
    `${one.name} ${normal(one.type)} ${one.isKey === true}`
  return (
    fields.length === columns.length &&
    fields.every((one, index) => {
      const column = columns[index]
      return column !== undefined && shown(one) === shown(column)
    })
  )
}

function normal(type: string): string {
  return type
    .replaceAll('`', '')
    .replace(/\bINT\b/g, 'INTEGER')
    .replace(/\bVARCHAR\b/g, 'STRING')
    .replace(/\s+/g, '')
}
