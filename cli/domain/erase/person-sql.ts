/** Which events belong to a person, as SQL over Bronze. */
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import type { PersonValues } from './find-person.ts'

/** Bronze, and which columns it has. */
export interface BronzeRows {
  /** A relation. */
  readonly from: string
  readonly columns: ReadonlySet<string>
}

/**
 * Condition of the person's events in Bronze. Of a visitor: all events with that anonymous id. Of a
 * customer: all with that customer id, and those without one of the visitors, sessions and orders
 * that were this customer's and no other's: what a person did before logging in, and what the shop
 * recorded of an order.
 */
export function personSql(person: PersonValues, { from, columns }: BronzeRows): string {
  const ids = listSql(person.ids)
  if (person.kind === 'visitor') return `anonymous_id IN ${ids}`
  const only = ['anonymous_id', 'session_id', 'order_id']
    .filter((column) => columns.has(column))
    .map((column) => `${column} IN (${onlySql(column, ids, from)})`)
  if (person.visitors.length > 0)
    only.push(`(anonymous_id IN ${listSql(person.visitors)} AND anonymous_id NOT IN
      (SELECT anonymous_id FROM ${from} WHERE customer_id NOT IN ${ids}))`)
  return `customer_id IN ${ids} OR (customer_id IS NULL AND (${only.join(' OR ')}))`
}

function listSql(values: readonly string[]): string {
  // No id at all is no SQL list.
  return values.length === 0 ? `('')` : `(${values.map(quoteText).join(', ')})`
}

/** SELECT of topic, partition and offset of the person's events. */
export function personEventsSql(person: PersonValues, bronze: BronzeRows): string {
  return `SELECT topic, partition, "offset" FROM ${bronze.from} WHERE ${personSql(person, bronze)}`
}

/** SELECT of the visitors that were this customer's and no other's, as the column `id`. */
export function ownVisitorsSql({ ids }: PersonValues, { from }: BronzeRows): string {
  return `SELECT anonymous_id AS id FROM (${onlySql('anonymous_id', listSql(ids), from)})`
}

function onlySql(column: string, customer: string, bronze: string): string {
  return `SELECT ${column} FROM ${bronze} WHERE ${column} IS NOT NULL AND customer_id IS NOT NULL
    AND ${column} IN (SELECT ${column} FROM ${bronze} WHERE customer_id IN ${customer})
    GROUP BY ${column} HAVING bool_and(customer_id IN ${customer})`
}

/**
 * SELECT of the person's events with topic, partition, offset, the `fields` as texts, null where
 * Bronze has no such column, and `user_agent`: one by which the event is the same kind of bot, or
 * none, null where that is enough. `hasBotRule`: there is a macro bot_rule(device, source,
 * user_agent).
 */
export function personRowsSql(
  person: PersonValues,
  bronze: BronzeRows,
  { fields, hasBotRule }: { readonly fields: readonly string[]; readonly hasBotRule: boolean },
): string {
  const { from, columns } = bronze
  const texts = fields.map((name) => `${textSql(name, columns)} AS ${quoteName(name)}`)
  const agent = hasBotRule ? userAgentSql(columns) : NO_TEXT
  return `SELECT topic, partition, "offset", ${texts.join(', ')}, ${agent} AS user_agent
    FROM ${from} WHERE ${personSql(person, bronze)}`
}

/** SELECT of the values `id` that a column has in `rows`, the person's, and elsewhere in Bronze. */
export function sharedValuesSql({ from, columns }: BronzeRows, name: string, rows: string): string {
  const value = textSql(name, columns)
  return `SELECT one.id FROM
    (SELECT ${value} AS id, count(*) AS n FROM ${from}
      WHERE ${value} IN (SELECT ${quoteName(name)} FROM ${rows}) GROUP BY 1) AS one
    JOIN (SELECT ${quoteName(name)} AS id, count(*) AS n FROM ${rows} GROUP BY 1) AS own
      ON one.id = own.id AND one.n > own.n`
}

const NO_TEXT = 'CAST(NULL AS VARCHAR)'

/** One for each kind of bot; a person's browser needs none. */
const AGENTS = ['bot', 'http://', 'headless', 'monitor', '-']

function userAgentSql(columns: ReadonlySet<string>): string {
  const [device, source, agent] = ['device', 'source', 'user_agent'].map((name) =>
    textSql(name, columns),
  )
  const isSame = (text: string) => `bot_rule(${device}, ${source}, ${text})
    IS NOT DISTINCT FROM bot_rule(${device}, ${source}, ${agent})`
  const cases = AGENTS.map((one) => `WHEN ${isSame(quoteText(one))} THEN ${quoteText(one)}`)
  return `CASE WHEN ${isSame(NO_TEXT)} THEN ${NO_TEXT} ${cases.join(' ')} ELSE ${agent} END`
}

function textSql(name: string, columns: ReadonlySet<string>): string {
  return columns.has(name) ? `CAST(${quoteName(name)} AS VARCHAR)` : NO_TEXT
}
