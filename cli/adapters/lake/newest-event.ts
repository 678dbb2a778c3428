/** The time of the newest event that has a row. */
import { BRONZE_TIME_SQL } from '../../domain/privacy/event-time-sql.ts'
import { type BronzePlace, withBronze } from './person-rows.ts'

/** Corrected event time, ms since 1970; null: Bronze has no rows. */
export async function findNewestEventMs(place: BronzePlace): Promise<number | null> {
  const found = await withBronze(place, async (duck, { from }) => {
    const { rows } = await duck.all(`SELECT max(${BRONZE_TIME_SQL}) AS ms FROM ${from}`)
    return rows[0]?.ms
  })
  return found === undefined || found === null ? null : Number(found)
}
