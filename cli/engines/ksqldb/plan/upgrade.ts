/**
 * Decides whether a changed relation can be changed in place by CREATE OR REPLACE or ALTER, by the
 * rules of a 7.9.9 server. Otherwise its next version is created beside it and reads its topic from
 * the beginning.
 */
import { hashText, printCanonicalJson } from '../../../domain/deploy/plan/resource-content.ts'
import type { KsqlField } from '../client/server-answers.ts'
import { findInput, type KsqlColumn, type Relation } from './relation.ts'

/** How a deployed relation becomes the desired one. */
export type Upgrade =
  | { readonly how: 'none' }
  /** CREATE OR REPLACE: new rows follow the new text, existing rows stay as they are. */
  | { readonly how: 'replace'; readonly why: string }
  | { readonly how: 'alter'; readonly why: string; readonly columns: readonly KsqlColumn[] }
  /** The next version is created beside it, with a topic of its own. */
  | { readonly how: 'recreate'; readonly why: string }

/** Equal for relations that ksqlDB would run in the same way; independent of prefix and version. */
export function hashRelation(relation: Relation): string {
  return hashText(printCanonicalJson(relation))
}

/** Plans the change of `before`, the deployed relation, to `after`; `read` is their source. */
export function planUpgrade(before: Relation, after: Relation, read?: Relation): Upgrade {
  if (hashRelation(before) === hashRelation(after)) return { how: 'none' }
  const isOverWindows = read !== undefined && ['window', 'session'].includes(read.memory)
  const why =
    findObstacle(before, after) ??
    (isOverWindows ? 'a relation that reads windows can never be replaced' : undefined)
  if (why !== undefined) return { how: 'recreate', why }
  const added = after.columns.slice(before.columns.length)
  const names = added.map((one) => one.name).join(', ')
  if (after.body) {
    const what = added.length > 0 ? `${names} added at the end` : 'its SELECT changed'
    return { how: 'replace', why: `${what}; existing rows stay as they are` }
  }
  if (added.length > 0) return { how: 'alter', why: `${names} added at the end`, columns: added }
  return { how: 'recreate', why: 'its declaration changed' }
}

/** Why the server would refuse a change in place; undefined: it would accept it. */
function findObstacle(before: Relation, after: Relation): string | undefined {
  if (before.kind !== after.kind) return `it was a ${before.kind}, and becomes a ${after.kind}`
  if ((before.body === undefined) !== (after.body === undefined))
    return 'it becomes a query instead of a declaration over a topic, or the reverse'
  if (before.seed !== after.seed) return 'its rows changed'
  if (before.topic !== after.topic) return `its topic was ${before.topic}`
  if (findInput(before) !== findInput(after)) return `it read ${findInput(before)}`
  if (printCanonicalJson(before.options) !== printCanonicalJson(after.options))
    return 'formats, retention or timestamp changed'
  if (printCanonicalJson(before.keeps ?? null) !== printCanonicalJson(after.keeps ?? null))
    return 'its topic has another retention'
  const keys = (one: Relation) => printCanonicalJson(one.columns.filter((column) => column.isKey))
  if (keys(before) !== keys(after)) return 'its key changed'
  const lost = before.columns.find((one, index) => !isSameColumn(one, after.columns[index]))
  if (lost !== undefined) return `column ${lost.name} is gone, moved or of another type`
  switch (after.memory === 'none' ? before.memory : after.memory) {
    case 'window':
      return 'a windowed table can never be replaced, not even by the same text'
    case 'session':
      return 'a table of sessions can never be replaced, not even by the same text'
    case 'table':
      return 'what it has counted so far would remain in its sums'
    case 'join':
      return 'a join can never be replaced'
    case 'none':
      return undefined
  }
}

function isSameColumn(before: KsqlColumn, after: KsqlColumn | undefined): boolean {
  return after !== undefined && printCanonicalJson(before) === printCanonicalJson(after)
}

/** Whether the server's columns are those of the relation, whatever it calls their types. */
export function hasSameColumns(
  fields: readonly KsqlField[],
  columns: readonly KsqlColumn[],
): boolean {
  const describe = (one: KsqlField | KsqlColumn) =>
    `${one.name} ${normalizeType(one.type)} ${one.isKey === true}`
  return (
    fields.length === columns.length &&
    fields.every((one, index) => {
      const column = columns[index]
      return column !== undefined && describe(one) === describe(column)
    })
  )
}

function normalizeType(type: string): string {
  return type
    .replaceAll('`', '')
    .replace(/\bINT\b/g, 'INTEGER')
    .replace(/\bVARCHAR\b/g, 'STRING')
    .replace(/\s+/g, '')
}
