/** `ccs dlq`: triage, dry runs, replays ended by kill -9, and accounts that add up afterwards. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DlqList } from '../../cli/domain/dlq/list-rejects.ts'
import type { ReplayResult } from '../../cli/domain/dlq/replay-rejects.ts'
import type { DlqRecord } from '../../cli/domain/dlq/show-reject.ts'
import { runCcs } from './run-ccs.ts'

let data: string
let list: DlqList

const ccs = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCcs([...args, '--data', data], { env })

/** Runs ccs with `--json` and parses its output. */
async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await ccs([...args, '--json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as T // the command's own document
}

beforeAll(async () => {
  data = mkdtempSync(path.join(tmpdir(), 'ccs-dlq-'))
  const when = ['--from', '2026-03-01', '--to', '2026-03-02', '--count', '3000']
  expect((await ccs(['gen', ...when, '--invalid', '0.05'])).code).toBe(0)
  expect((await ccs(['run', '--once'])).code).toBe(0)
  list = await json<DlqList>('dlq', 'ls')
})
afterAll(() => rmSync(data, { recursive: true, force: true }))

function groupOf(kind: string) {
  const group = list.groups.find((one) => one.kind.includes(kind))
  if (!group) throw new Error(`no group says "${kind}"`)
  return group
}

const PATCH = 'quantity = greatest(quantity, 1)'

test('groups have fingerprints and can be filtered', async () => {
  expect(new Set(list.groups.map(({ fingerprint }) => fingerprint)).size).toBe(list.groups.length)
  const { fingerprint, count } = groupOf('quantity is')
  const where = `event_type = 'add_to_cart' AND items[1].quantity = 0`
  const found = await json<DlqList>('dlq', 'ls', '--reason', 'rule_violation', '--where', where)
  expect(found.groups).toMatchObject([{ fingerprint, count, replayed: 0 }])
  expect(await json('dlq', 'ls', '--since', '2040-01-01')).toEqual({ total: 0, groups: [] })
  const { code, stderr } = await ccs(['dlq', 'ls', '--where', 'reson = 1'])
  expect(code).toBe(2)
  expect(stderr).toContain('at --where:1:1')
})

test('a damaged record is shown by its fingerprint, as far as it can be read', async () => {
  const { fingerprint, sample } = groupOf('bytes are left over')
  const shown = await json<DlqRecord>('dlq', 'show', fingerprint)
  expect(`${shown.partition}:${shown.offset}`).toBe(sample)
  expect(shown).toMatchObject({ decoded: null, partial: { field: null } })
  expect(shown.partial?.value.event_id).toMatch(/^[0-9a-f-]{36}$/)
  expect(shown.partial?.stopsAt).toBeLessThan(shown.length)
  const cut = list.groups.find(({ kind }) => /^(?!event_id)\w+ has /.test(kind))
  const broken = await json<DlqRecord>('dlq', 'show', cut?.sample ?? '')
  expect(broken.partial?.field).toBe(cut?.kind.split(' ')[0])
})

test('a replay killed at any append continues and sends each event once', async () => {
  const { fingerprint, count } = groupOf('quantity is')
  const replay = ['dlq', 'replay', fingerprint, '--patch', PATCH]
  const dry = await json<ReplayResult>(...replay, '--dry-run')
  expect(dry).toMatchObject({ isDryRun: true, selected: count, passed: count, replayed: 0 })
  for (const fault of ['log.write:1', 'log.synced:1', 'log.write:2', 'log.synced:2']) {
    const env = { NODE_ENV: 'test', CCS_FAULT: `${fault}:kill` }
    expect((await ccs([...replay, '--rate', '20'], env)).code).toBe(null)
  }
  const rest = await json<ReplayResult>(...replay)
  expect(rest.replayed + rest.replayedBefore).toBe(count)
  expect(rest.replayedBefore).toBeGreaterThan(0)
  const again = await ccs(replay)
  expect(again.stdout).toContain(`${count}  were sent before`)
  expect((await ccs(['run', '--once'])).code).toBe(0)
  const sent = `SELECT count(*) AS n, count(DISTINCT event_id) AS ids, min(items[1].quantity) AS least
    FROM bronze.events WHERE "partition" >= 1024`
  expect(await json('query', sent)).toMatchObject({ rows: [{ n: count, ids: count, least: 1 }] })
  const audit = await ccs(['audit'])
  expect({ code: audit.code, stderr: audit.stderr }).toMatchObject({ code: 0 })
  list = await json<DlqList>('dlq', 'ls')
  expect(groupOf('quantity is')).toMatchObject({ fingerprint, count, replayed: count })
}, 240_000)

test('a fault in a patch exits 2 with its place', async () => {
  const { code, stderr } = await ccs(['dlq', 'replay', '--patch', 'quantity = 1, pgae = 2'])
  expect(code).toBe(2)
  expect(stderr).toContain('error[CCS_QUERY_INVALID]: An event has no field pgae.')
  expect(stderr).toContain('at --patch:1:15')
  expect(stderr).toContain('Did you mean "page"?')
})
