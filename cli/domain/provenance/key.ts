/**
 * The key of a row as people type it: `shop_date=2026-10-25 currency=EUR`, or only the values in
 * the order of the model's key. `NULL` stands for no value.
 */

import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError } from '../kernel/errors.ts'
import { quoteShellWord } from '../kernel/shell-word.ts'
import { quoteText } from '../kernel/sql-text.ts'

/** A column of a key. */
export interface KeyColumn {
  readonly name: string
  /** As DuckDB names it. */
  readonly type: string
}

/** A key column and its value as text. */
export interface KeyValue extends KeyColumn {
  readonly text: string
}

/** Throws CCS_USAGE_INVALID unless the words give exactly one value for each key column. */
export function parseKey(
  model: string,
  key: readonly KeyColumn[],
  words: readonly string[],
): readonly KeyValue[] {
  const names = key.map(({ name }) => name)
  const given = new Map<string, string>()
  const loose: string[] = []
  for (const word of words) {
    const [, name = '', text = ''] = /^(\w+)=(.*)$/s.exec(word) ?? []
    if (names.includes(name)) given.set(name, text)
    else if (name !== '' && /^[a-z_]+$/.test(name))
      throw new CcsError('CCS_USAGE_INVALID', `"${name}" is not a key column of ${model}.`, {
        hint: `${didYouMean(name, names)} ${usage(model, names)}`,
      })
    else loose.push(word)
  }
  for (const name of names) {
    const next = given.has(name) ? undefined : loose.shift()
    if (next !== undefined) given.set(name, next)
  }
  const missing = names.filter((name) => !given.has(name))
  if (missing.length > 0 || loose.length > 0)
    throw new CcsError(
      'CCS_USAGE_INVALID',
      missing.length > 0
        ? `The key of ${model} also needs ${missing.join(', ')}.`
        : `The key of ${model} has no column for "${loose.join(' ')}".`,
      { hint: usage(model, names) },
    )
  return key.map((column) => ({ ...column, text: given.get(column.name) ?? '' }))
}

function usage(model: string, names: readonly string[]): string {
  return `Write: ccs why ${model} ${names.map((name) => `${name}=…`).join(' ')}`.trim()
}

/** The value as SQL of its type. */
export function valueSql({ type, text }: KeyValue): string {
  return text === 'NULL' ? 'NULL' : `CAST(${quoteText(text)} AS ${type})`
}

/** A SQL condition. `column` replaces the key's names by other expressions. */
export function keyPredicate(
  values: readonly KeyValue[],
  column: (name: string, index: number) => string = (name) => `"${name}"`,
): string {
  const parts = values.map(
    (value, index) => `${column(value.name, index)} IS NOT DISTINCT FROM ${valueSql(value)}`,
  )
  return parts.length === 0 ? 'TRUE' : parts.join(' AND ')
}

/** SELECT of the keys nearest to the given one: most equal columns first, then by distance. */
export function nearestKeysSql(
  relation: string,
  values: readonly KeyValue[],
  count: number,
): string {
  const list = values.map(({ name }) => `"${name}"`)
  const equal = values.map(
    (value) => `CAST("${value.name}" IS DISTINCT FROM ${valueSql(value)} AS INTEGER)`,
  )
  const near = values.map((value) => {
    if (value.text === 'NULL') return '0'
    const epoch = (sql: string) => `epoch(CAST(${sql} AS TIMESTAMP))`
    return /^(DATE|TIMESTAMP)/.test(value.type)
      ? `abs(${epoch(`"${value.name}"`)} - ${epoch(valueSql(value))})`
      : `levenshtein(CAST("${value.name}" AS VARCHAR), ${quoteText(value.text)})`
  })
  return `SELECT ${list.join(', ')} FROM (SELECT DISTINCT ${list.join(', ')} FROM ${relation})
    ORDER BY ${[equal.join(' + '), ...near, ...list].join(', ')} LIMIT ${count}`
}

/** The words that `parseKey` reads as this key. */
export function renderKey(row: Readonly<Record<string, unknown>>): string {
  return Object.entries(row)
    .map(([name, value]) => {
      return quoteShellWord(`${name}=${value === null ? 'NULL' : String(value)}`)
    })
    .join(' ')
}
