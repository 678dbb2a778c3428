/** Finds the row that a person asks for, by its key or by any columns that identify it. */
import { CcsError } from '../kernel/errors.ts'
import { quoteText } from '../kernel/sql-text.ts'
import type { Row } from '../reconcile/accounts.ts'
import type { RunQuery } from '../reconcile/input.ts'
import {
  type KeyColumn,
  type KeyValue,
  keyPredicate,
  nearestKeysSql,
  parseKey,
  renderKey,
} from './key.ts'

/** A row and the values of its key. */
export interface FoundRow {
  readonly row: Row
  readonly values: readonly KeyValue[]
}

const NEAREST = 5

/**
 * Throws CCS_USAGE_INVALID for an unknown row, with the nearest ones as hint, and for words that
 * fit several rows.
 */
export async function findRow(
  query: RunQuery,
  { name, key }: { readonly name: string; readonly key: readonly string[] },
  words: readonly string[],
): Promise<FoundRow> {
  const { columns } = await query(`SELECT * FROM ${name} LIMIT 0`)
  const typed = (names: readonly string[]): readonly KeyColumn[] =>
    names.map((one) => {
      return { name: one, type: columns.find((column) => column.name === one)?.type ?? 'VARCHAR' }
    })
  const named = words.map((word) => /^(\w+)=/.exec(word)?.[1] ?? '')
  const isByOther =
    words.length > 0 &&
    named.some((one) => !key.includes(one)) &&
    named.every((one) => columns.some((column) => column.name === one))
  const requested = parseKey(name, typed(isByOther ? named : key), words)
  for (const value of requested) await requireValue(query, { name, key }, value)
  const { rows } = await query(`SELECT * FROM ${name} WHERE ${keyPredicate(requested)} LIMIT 2`)
  const [row, second] = rows
  if (!row) throw await rowNotFound(query, name, requested)
  if (second)
    throw new CcsError('CCS_USAGE_INVALID', `More than one row of ${name} has these values.`, {
      hint: `Say which: ${key.map((one) => `${one}=…`).join(' ')}`,
    })
  const values = typed(key).map((column): KeyValue => {
    const value = row[column.name]
    return { ...column, text: value === null || value === undefined ? 'NULL' : String(value) }
  })
  return { row, values }
}

async function requireValue(
  query: RunQuery,
  { name, key }: { readonly name: string; readonly key: readonly string[] },
  { name: column, type, text }: KeyValue,
): Promise<void> {
  if (text === 'NULL') return
  const { rows } = await query(`SELECT TRY_CAST(${quoteText(text)} AS ${type}) IS NULL AS wrong`)
  if (rows[0]?.wrong !== true) return
  const list = key.map((one) => `"${one}"`).join(', ')
  const some = list === '' ? [] : (await query(`SELECT ${list} FROM ${name} LIMIT 1`)).rows
  throw new CcsError(
    'CCS_USAGE_INVALID',
    `"${text}" is not a valid ${type}, the type of ${column}.`,
    { ...(some[0] ? { hint: `For example: ccs why ${name} ${renderKey(some[0])}` } : {}) },
  )
}

async function rowNotFound(
  query: RunQuery,
  name: string,
  requested: readonly KeyValue[],
): Promise<CcsError> {
  const wanted = requested.map(({ name: column, text }) => `${column} ${text}`).join(', ')
  const { rows } =
    requested.length === 0 ? { rows: [] } : await query(nearestKeysSql(name, requested, NEAREST))
  const near = rows.map((row) => `ccs why ${name} ${renderKey(row)}`)
  return new CcsError('CCS_USAGE_INVALID', `${name} has no row with ${wanted}.`, {
    hint: near.length === 0 ? 'It has no rows.' : ['The nearest rows:', ...near].join('\n'),
  })
}
