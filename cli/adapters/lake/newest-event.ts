/** The time of the newest event that has a row. */
import { printEventTimeSql } from '../../domain/events/event-time.ts'
import { type BronzePlace, withBronze } from './person-rows.ts'

/** Corrected event time, ms since 1970; null: Bronze has no rows. */
export async function findNewestEventMs(place: BronzePlace): Promise<number | null> {
  const found = await withBronze(place, async (duck, { from }) => {
    const time = printEventTimeSql('b')
    const { rows } = await duck.all(`SELECT epoch_ms(max(${time})) AS ms FROM ${from} AS b`)
    return rows[0]?.ms
  })
  return found === undefined || found === null ? null : Number(found)
}
