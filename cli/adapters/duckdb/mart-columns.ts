/** The columns of the published marts. */
import { type DataPlace, openMartsQueries } from './published-marts.ts'

/** By table. Throws CCS_MARTS_MISSING. */
export async function readMartColumns(
  place: DataPlace,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const limits = { timeoutMs: 30_000, rowsMax: 100_000, concurrency: 1 }
  const marts = await openMartsQueries(place, limits)
  try {
    const { rows } = await marts.query(
      `SELECT table_name, column_name FROM information_schema.columns
       WHERE table_schema = 'main' ORDER BY table_name, ordinal_position`,
    )
    const columns = new Map<string, string[]>()
    for (const { table_name, column_name } of rows) {
      const table = String(table_name)
      columns.set(table, [...(columns.get(table) ?? []), String(column_name)])
    }
    return columns
  } finally {
    await marts.close()
  }
}
