/** The memory limit of DuckDB follows what the ids of the dedup window leave of it. */
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import { openUnnamedFile } from '../../cli/adapters/files/unnamed-file.ts'
import { DedupeIndex } from '../../cli/engines/embedded/intake/dedupe-index.ts'
import { shareOfDuckDb } from '../../cli/engines/embedded/intake/dedupe-indexes.ts'
import { IdStore } from '../../cli/engines/embedded/intake/id-store.ts'

const MIB = 1024 * 1024

test('ids take their memory from DuckDB’s part, of which three eighths are left at least', () => {
  const store = new IdStore(() => openUnnamedFile(tmpdir()))
  const events = new DedupeIndex(48 * 3_600_000, store)
  const empty = shareOfDuckDb(512 * MIB, { events })
  expect(empty).toBe(512 * MIB - events.bytes)
  for (let id = 0; id < 200_000; id++) events.add(id, id * 7, id * 13, id * 17)
  // 8 bytes a slot, of which 74 to 86 % are used.
  expect((empty - shareOfDuckDb(512 * MIB, { events })) / 200_000).toBeGreaterThan(8)
  expect((empty - shareOfDuckDb(512 * MIB, { events })) / 200_000).toBeLessThan(12)
  expect(shareOfDuckDb(3 * MIB, { events })).toBe((3 * MIB * 3) / 8)
  events.close()
})

test('a limit below what DuckDB uses is not set before that memory is free', async () => {
  const duck = await openDuck({ threads: 1, memoryLimitBytes: 200 * MIB })
  const connection = await duck.connect()
  const limit = async () => {
    const { rows } = await connection.all("SELECT current_setting('memory_limit') AS text")
    return rows[0]?.text
  }
  try {
    await connection.run('CREATE TABLE t AS SELECT hash(i) AS a FROM range(12_000_000) r(i)')
    await duck.giveBack(connection, 50 * MIB)
    expect(await limit()).toBe('200.0 MiB')
    await connection.run('DROP TABLE t')
    await duck.giveBack(connection, 50 * MIB)
    expect(await limit()).toBe('50.0 MiB')
    await duck.giveBack(connection)
    expect(await limit()).toBe('50.0 MiB')
  } finally {
    connection.close()
    duck.close()
  }
})
