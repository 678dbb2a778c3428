/** `ccs tail` and `ccs dlq`, for people and scripts, while others write to the log. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStore } from '../../cli/app/store.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { ROOT, runCcs } from './run-ccs.ts'

const RECORDS = 2_000

let dir: string
let data: string

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-tail-'))
  data = path.join(dir, 'data')
  const when = ['--from', '2026-03-01', '--to', '2026-03-02', '--count', String(RECORDS)]
  expect((await runCcs(['gen', '--data', data, ...when, '--invalid', '0.05'])).code).toBe(0)
  expect((await runCcs(['run', '--once', '--data', data])).code).toBe(0)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function ccs(...args: string[]) {
  return runCcs([...args, '--data', data])
}

test('each record is a line of JSON in order, decoded or with its problem', async () => {
  const { code, stdout, stderr } = await ccs('tail', '--format', 'json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const records = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: RECORDS }, (_, i) => i))
  const whole = records.filter(({ value }) => value)
  const broken = records.filter(({ value }) => !value)
  expect(whole.length).toBeGreaterThan(RECORDS / 2)
  expect(broken.length).toBeGreaterThan(0)
  expect(whole[0].value.event_ts).toMatch(/^2026-03-0\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  for (const { problem, hex } of broken) {
    expect(problem).toMatch(
      /^(no Confluent header|unknown schema id \d+|not events.raw-value version 2)$/,
    )
    expect(hex).toMatch(/^[0-9a-f]*…?$/)
  }
})

test('--from and --limit select; --json is one document', async () => {
  const { stdout } = await ccs('tail', '--from', '100', '--limit', '3', '--json')
  const document = JSON.parse(stdout)
  expect(document).toMatchObject({ topic: 'events.raw', count: 3 })
  expect(document.records.map((one: { offset: number }) => one.offset)).toEqual([100, 101, 102])
  expect((await ccs('tail', '--from', 'end')).stdout).toBe('')
  const lines = (await ccs('tail', 'events.dlq', '--limit', '2')).stdout.trimEnd().split('\n')
  const heads = lines.filter((line) => !line.startsWith('    '))
  expect(heads).toHaveLength(2)
  expect(lines.filter((line) => line.length > 80)).toEqual([])
  expect(heads[0]).toMatch(/^0:0 {2}\S+Z {2}reason=\w+ message=/)
})

test('an unknown topic and an invalid offset exit 2 with a hint', async () => {
  const missing = await ccs('tail', 'events.rwa')
  expect(missing.code).toBe(2)
  expect(missing.stderr).toContain('The log has no topic events.rwa.')
  const place = await ccs('tail', '--from', 'yesterday')
  expect(place.code).toBe(2)
  expect(place.stderr).toContain('"yesterday" is no place in the log.')
  const partition = await ccs('tail', '--partition', '9')
  expect(partition.stderr).toContain('The log has no partition 9 of events.raw. It has 0.')
})

test('--follow prints new records and stops at SIGINT with exit 0', async () => {
  const args = ['tail', 'notes', '--follow', '--format', 'json', '--data', data]
  const tail = spawn(process.execPath, [path.join(ROOT, 'bin/run.js'), ...args])
  let stderr = ''
  tail.stderr.on('data', (text) => {
    stderr += text
  })
  const { log } = await openStore(data)
  try {
    const lines = createInterface({ input: tail.stdout })[Symbol.asyncIterator]()
    const writer = await log.writer('notes', 0, 'test')
    for (const text of ['first', 'second']) {
      await writer.append(RecordBatch.of([Buffer.from(text)]), Date.now())
      const { value } = await lines.next()
      expect(JSON.parse(value)).toMatchObject({
        problem: 'no Confluent header',
        hex: Buffer.from(text).toString('hex'),
      })
    }
    tail.kill('SIGINT')
    const [code] = await once(tail, 'exit')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  } finally {
    tail.kill('SIGKILL')
    await log.close()
  }
})

test('it ends silently when the reader of its pipe closes', async () => {
  const args = ['tail', '--follow', '--data', data]
  const tail = spawn(process.execPath, [path.join(ROOT, 'bin/run.js'), ...args])
  let stderr = ''
  tail.stderr.on('data', (text) => {
    stderr += text
  })
  try {
    await once(tail.stdout, 'data')
    tail.stdout.destroy()
    const [code] = await once(tail, 'exit')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  } finally {
    tail.kill('SIGKILL')
  }
})

test('rejects of both partitions are listed by reason and kind, as in the status', async () => {
  const file = path.join(ROOT, 'examples/import/rees46.yml')
  const csv = path.join(dir, 'shop.csv')
  const { writeFileSync } = await import('node:fs')
  const header =
    'event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session'
  writeFileSync(csv, `${header}\n2019-10-01 00:00:10 UTC,vie\n`)
  expect((await ccs('import', csv, '--mapping', file)).code).toBe(0)
  const { stdout } = await ccs('dlq', 'ls', '--json')
  const list = JSON.parse(stdout)
  const status = JSON.parse((await ccs('status', '--json')).stdout)
  expect(list.total).toBe(status.counts.dlq + 1)
  expect(list.groups.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(
    list.total,
  )
  const kinds = list.groups.map(
    ({ reason, kind }: { reason: string; kind: string }) => `${reason} ${kind}`,
  )
  expect(new Set(kinds).size).toBe(kinds.length)
  const imported = list.groups.find(({ sample }: { sample: string }) => sample.startsWith('1:'))
  const shown = JSON.parse((await ccs('dlq', 'show', imported.sample, '--json')).stdout)
  expect(shown).toMatchObject({
    origin: `${csv}:2`,
    text: '2019-10-01 00:00:10 UTC,vie',
    source: { offset: -1 },
    decoded: null,
  })
})

test('a reject is shown with its bytes and its values under a known schema', async () => {
  const { groups } = JSON.parse((await ccs('dlq', 'ls', '--json')).stdout)
  const { sample } = groups.find(({ reason }: { reason: string }) => reason === 'unknown_schema_id')
  const shown = JSON.parse((await ccs('dlq', 'show', sample, '--json')).stdout)
  const { partition, offset } = shown.source
  const raw = await ccs(
    'tail',
    '--partition',
    String(partition),
    '--from',
    String(offset),
    '--limit',
    '1',
    '--json',
  )
  const [record] = JSON.parse(raw.stdout).records
  const bytes = Buffer.from(shown.bytes, 'base64')
  expect(bytes.length).toBe(record.bytes)
  expect(bytes.toString('hex').startsWith(record.hex.replace('…', ''))).toBe(true)
  expect(shown.decoded).toMatchObject({
    as: 'events.raw-value version 2',
    value: { source: 'web' },
  })
  const { stdout } = await ccs('dlq', 'show', sample)
  expect(stdout).toContain('00000000  00 ')
  expect(stdout).toContain('as events.raw-value version 2')
  const beyond = await ccs('dlq', 'show', '999999')
  expect(beyond.code).toBe(2)
  expect(beyond.stderr).toContain('Partition 0 of events.dlq has no record 999999')
})
