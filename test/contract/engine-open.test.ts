/** An engine that can't be opened leaves no DuckDB open. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Duck, DuckConnection } from '../../cli/adapters/duckdb/duckdb.ts'
import { openStore } from '../../cli/app/store.ts'
import type { Manifest } from '../../cli/domain/lake/manifest.ts'
import type { Logic } from '../../cli/domain/models/logic.ts'
import { manifestLogic } from '../../cli/engines/embedded/model-diff.ts'
import { openEngine } from '../../cli/engines/embedded/open-engine.ts'
import { makeRig } from '../fixtures/pipeline-rig.ts'

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-engine-open-'))
})

afterEach(async () => {
  vi.restoreAllMocks()
  await rm(root, { recursive: true, force: true })
})

/** Opens an engine that fails; counts the connections and instances of DuckDB opened and closed. */
async function failToOpen(change: (logic: Logic) => { logic: Logic; manifest?: Manifest }) {
  const rig = await makeRig(['bronze.events', 'silver.events', 'silver.people', 'gold.activity_1m'])
  const { logic, manifest } = change(rig.logic)
  const store = await openStore(root)
  const connect = vi.spyOn(Duck.prototype, 'connect')
  const disconnect = vi.spyOn(DuckConnection.prototype, 'close')
  const close = vi.spyOn(Duck.prototype, 'close')
  const opening = openEngine(rig.project(root), logic, store, {
    lakePath: (file) => store.lake.path(file),
    ...(manifest ? { manifest } : {}),
  })
  await expect(opening).rejects.toThrow()
  const counted = { disconnected: disconnect.mock.calls.length, closed: close.mock.calls.length }
  expect(connect.mock.calls.length).toBeGreaterThan(0)
  return { connected: connect.mock.calls.length, ...counted }
}

test('an engine whose rows cannot be read closes its DuckDB', async () => {
  const { connected, disconnected, closed } = await failToOpen((logic) => ({
    logic,
    manifest: {
      format: 1,
      serial: 1,
      generation: 1,
      committedMs: 0,
      positions: [],
      dlqEnd: 0,
      counts: { records: 0, bronze: 0, duplicates: 0, dlq: 0, setAside: 0, late: 0 },
      files: [
        {
          table: 'bronze.events',
          partition: '',
          name: 'missing.parquet',
          rows: 1,
          bytes: 1,
          crc32: 0,
        },
      ],
      state: [],
      ...manifestLogic(logic),
    },
  }))
  expect({ disconnected, closed }).toEqual({ disconnected: connected, closed: 1 })
})

test('an engine whose macros are not valid SQL closes its DuckDB', async () => {
  const { connected, disconnected, closed } = await failToOpen((logic) => ({
    logic: { ...logic, macrosSql: 'CREATE MACRO' },
  }))
  expect({ disconnected, closed }).toEqual({ disconnected: connected, closed: 1 })
})
