/** Which events belong to a person, as SQL over Bronze. */
import { quoteText } from '../kernel/sql-text.ts'
import type { Person } from './erased-ids.ts'

/**
 * SELECT of topic, partition, offset and event_id from `bronze`, a relation with the columns of
 * Bronze. Of a visitor: all events with that anonymous id. Of a customer: all with that customer
 * id, and those without one of the visitors and sessions that were this customer's and no other's:
 * what a person did before logging in.
 */
export function personEventsSql({ kind, id }: Person, bronze: string): string {
  const columns = 'topic, partition, "offset", event_id'
  const text = quoteText(id)
  if (kind === 'visitor') return `SELECT ${columns} FROM ${bronze} WHERE anonymous_id = ${text}`
  const only = (column: string) => onlySql(column, text, bronze)
  return `SELECT ${columns} FROM ${bronze} WHERE customer_id = ${text}
    OR (customer_id IS NULL AND (anonymous_id IN (${only('anonymous_id')})
      OR session_id IN (${only('session_id')})))`
}

/** SELECT of the visitors that were this customer's and no other's, as the column `id`. */
export function ownVisitorsSql(customer: string, bronze: string): string {
  return `SELECT anonymous_id AS id FROM (${onlySql('anonymous_id', quoteText(customer), bronze)})`
}

function onlySql(column: string, customer: string, bronze: string): string {
  return `SELECT ${column} FROM ${bronze} WHERE ${column} IS NOT NULL AND customer_id IS NOT NULL
    AND ${column} IN (SELECT ${column} FROM ${bronze} WHERE customer_id = ${customer})
    GROUP BY ${column} HAVING count(DISTINCT customer_id) = 1`
}
