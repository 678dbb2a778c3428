import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { openDuck } from '../../../cli/adapters/duckdb/duckdb.ts'
import type { Rejection } from '../../../cli/domain/gate/contract-rules.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import type { EventLog } from '../../../cli/domain/log/event-log.ts'
import { ImportTest, importContract, NOW_MS, ROOT, runImport } from '../../fixtures/import-parts.ts'

const REES46_MAPPING = readFileSync(path.join(ROOT, 'examples/import/rees46.yml'), 'utf8')
const REES46 = process.env.CCS_REES46 ?? path.join(ROOT, '../shared/data/rees46-sample.csv')

const MAPPING = `
event:
  event_id: { hash: all }
  event_type: { from: type, values: { view: page_view, buy: purchase }, leave_out: [ping] }
  event_ts: time
  anonymous_id: visitor
  page: { template: '/p/{id}' }
  device: { constant: desktop }
  source: { constant: import }
  currency: { constant: EUR }
  order_id: { template: 'o-{id}', when: { type: buy } }
  items:
    when: { type: buy }
    sku: id
    unit_price_minor: { from: price, money: decimal }
    quantity: { constant: 1 }
`

const setting = new ImportTest()

function write(name: string, content: string | Buffer): string {
  const file = path.join(setting.dir, name)
  writeFileSync(file, content)
  return file
}

const events = () => setting.events()

const rejects = () => setting.rejects()

const HEADER = 'time,type,visitor,id,price\n'

test('each row is accepted, rejected with reason, place and bytes, or left out', async () => {
  const rows = [
    '2026-01-01,view,v1,7,',
    '2026-01-01,buy,v1,7,35.79',
    '2026-01-01,ping,v1,,',
    '2026-01-01,zap,v1,7,',
    'never,view,v1,7,',
    '2026-01-01,view,,7,',
    '2026-01-01,buy,v1,,',
    '2026-01-01,buy,"v\n1",7,-1',
    '2030-01-01,view,v1,7,',
    '2026-01-01,view,v1',
  ]
  const file = write('a.csv', `${HEADER}${rows.join('\r\n')}`)
  const result = await runImport(setting, MAPPING, [file])
  expect(result).toMatchObject({
    rows: 10,
    accepted: 2,
    leftOut: 1,
    rejected: 7,
    importedBefore: 0,
    reasons: { wrong_type: 2, missing_field: 3, rule_violation: 1, too_far_in_future: 1 },
  })
  expect((await events()).map((e) => [e.event_type, e.page, e.items[0]?.unit_price_minor])).toEqual(
    [
      ['page_view', '/p/7', undefined],
      ['purchase', '/p/7', 3579],
    ],
  )
  const kept = await rejects()
  expect(
    kept.map((one) => [one.origin, one.reason, Buffer.from(one.bytes).toString(), one.offset]),
  ).toEqual([
    [`${file}:5`, 'wrong_type', rows[3], -1],
    [`${file}:6`, 'wrong_type', rows[4], -1],
    [`${file}:7`, 'missing_field', rows[5], -1],
    [`${file}:8`, 'missing_field', rows[6], -1],
    [`${file}:9`, 'rule_violation', rows[7], -1],
    [`${file}:11`, 'too_far_in_future', rows[8], -1],
    [`${file}:12`, 'missing_field', rows[9], -1],
  ])
  expect(kept.every((one) => one.first_seen === NOW_MS && one.message.length > 10)).toBe(true)
})

test('CSV, gzipped NDJSON and Parquet give the same events except for their ids', async () => {
  const rows = [
    {
      time: '2026-01-01 10:00:00',
      type: 'buy',
      visitor: 'v',
      id: '9007199254740993',
      price: '0.10',
    },
    { time: '2026-01-02 10:00:00', type: 'view', visitor: 'é,"', id: '8', price: '' },
  ]
  const mapping = MAPPING.replace('hash: all', 'hash: [id, time]').replace(
    'event_ts: time',
    'event_ts: { from: time }',
  )
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  const csv = write(
    'r.csv',
    `\uFEFF${HEADER}${rows.map((row) => Object.values(row).map(quoted).join(',')).join('\n')}`,
  )
  const json = write(
    'r.ndjson.gz',
    gzipSync(rows.map((row) => `${JSON.stringify(row)}\n`).join('')),
  )
  const parquet = path.join(setting.dir, 'r.parquet')
  const duck = await openDuck()
  const connection = await duck.connect()
  await connection.run(
    `COPY (SELECT "time"::TIMESTAMP AS "time", "type", visitor, id::BIGINT AS id, nullif(price, '')::DECIMAL(9, 2) AS price
      FROM read_csv('${csv}', all_varchar = true)) TO '${parquet}'`,
  )
  connection.close()
  duck.close()
  const result = await runImport(setting, mapping, [csv, json, parquet])
  expect(result.files.map((file) => [file.rows, file.accepted])).toEqual([
    [2, 2],
    [2, 2],
    [2, 2],
  ])
  const seen = (await events()).map(({ event_id: _, ...event }) => event)
  expect(seen[0]).toMatchObject({ items: [{ sku: '9007199254740993', unit_price_minor: 10 }] })
  // By time: the first rows of the three files, then their second rows.
  expect(seen.slice(1, 3)).toEqual([seen[0], seen[0]])
  expect(seen.slice(3, 6)).toEqual([seen[3], seen[3], seen[3]])
  expect(seen[3]).toMatchObject({ anonymous_id: 'é,"' })
})

test('files may differ in column order and repeat their header', async () => {
  const a = write('a.csv', `${HEADER}2026-01-01,view,v1,1,\n${HEADER}2026-01-01,view,v1,2,\n`)
  const b = write('b.csv', 'id,price,visitor,type,time\n1,,v1,view,2026-01-01\n')
  const result = await runImport(setting, MAPPING, [a, b])
  expect(result.files).toMatchObject([
    { rows: 2, accepted: 2, repeatedHeaders: 1 },
    { rows: 1, accepted: 1 },
  ])
  const ids = (await events()).map((event) => event.event_id)
  expect(ids[2]).toBe(ids[0])
})

test('missing files and columns are all reported before anything is written', async () => {
  const good = write('a.csv', `${HEADER}2026-01-01,view,v1,1,\n`)
  const bad = write('b.csv', 'time,type,visitr,id,price\n')
  const error = await runImport(setting, MAPPING, [
    good,
    bad,
    path.join(setting.dir, 'c.csv'),
  ]).catch((e) => e)
  expect(error).toBeInstanceOf(CcsError)
  expect(error).toMatchObject({
    code: 'CCS_IMPORT_INVALID',
    exit: 2,
    hint: 'Did you mean "visitr"?',
  })
  expect(error.others.map((one: CcsError) => one.message)).toEqual([
    `There is no file ${path.join(setting.dir, 'c.csv')}.`,
  ])
  expect(await setting.log.partitions('events.raw')).toEqual([])
})

test('a pipe or a device is refused at once, before it is opened', async () => {
  const pipe = path.join(setting.dir, 'pipe.csv')
  execFileSync('mkfifo', [pipe])
  for (const file of [pipe, '/dev/zero']) {
    const message = `${file} is a pipe or a device, which has no end to wait for.`
    const refused = { code: 'CCS_IMPORT_INVALID', message }
    const mapping = `${MAPPING}\nformat: csv\n`
    await expect(runImport(setting, mapping, [file])).rejects.toMatchObject(refused)
  }
  expect(await setting.log.partitions('events.raw')).toEqual([])
})

test('a dry run counts and writes nothing', async () => {
  const file = write('a.csv', `${HEADER}2026-01-01,view,v1,1,\nx\n`)
  const result = await runImport(setting, MAPPING, [file], { isDryRun: true })
  expect(result).toMatchObject({ isDryRun: true, rows: 2, accepted: 1, rejected: 1 })
  expect(result.examples).toEqual([
    {
      origin: `${file}:3`,
      reason: 'missing_field',
      message: '1 of 5 columns; is the line cut off?',
    },
  ])
  expect(await setting.log.partitions('events.raw')).toEqual([])
  expect(await setting.log.partitions('ccs.imports')).toEqual([])
})

describe('a file that is imported again', () => {
  const rows = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `2026-01-01,view,v,${from + i},\n`).join('')

  test('is recognized by its bytes, also under another name, and adds nothing', async () => {
    const content = `${HEADER}${rows(0, 50)}bad\n`
    await runImport(setting, MAPPING, [write('a.csv', content)])
    const again = await runImport(setting, MAPPING, [write('b.csv', content)])
    expect(again).toMatchObject({ rows: 51, accepted: 0, rejected: 0, importedBefore: 51 })
    expect((await events()).length).toBe(50)
    expect((await rejects()).length).toBe(1)
  })

  test('with another mapping is refused without --again, and keeps its ids with it', async () => {
    const file = write('a.csv', `${HEADER}${rows(0, 3)}`)
    await runImport(setting, MAPPING, [file])
    const other = `${MAPPING}# changed\n`
    const refused = await runImport(setting, other, [file]).catch((error) => error)
    expect(refused).toMatchObject({
      code: 'CCS_IMPORT_INVALID',
      hint: expect.stringContaining('--again'),
    })
    expect(await runImport(setting, other, [file], { includesImported: true })).toMatchObject({
      accepted: 3,
    })
    const ids = (await events()).map((event) => event.event_id)
    expect(ids.slice(3)).toEqual(ids.slice(0, 3))
  })

  test('with more lines than before sends its rows with the same ids', async () => {
    const file = write('a.csv', `${HEADER}${rows(0, 3)}`)
    await runImport(setting, MAPPING, [file])
    appendFileSync(file, rows(3, 5))
    await runImport(setting, MAPPING, [file])
    expect(new Set((await events()).map((event) => event.event_id)).size).toBe(5)
  })

  test.each([1, 2, 3, 4, 5, 6])(
    'resumes at the right row after an import was interrupted at append %i',
    async (cut) => {
      // About three batches, with an invalid row every fifty.
      const filler = 'x'.repeat(2000)
      const lines = Array.from({ length: 600 }, (_, i) =>
        i % 50 === 7
          ? `cut ${i} ${filler}`
          : `2026-01-01,view,v-${filler.slice(0, 150)},${i}${filler.slice(0, 1500)},`,
      )
      const file = write('a.csv', `${HEADER}${lines.join('\n')}\n`)
      const failed = await runImport(setting, MAPPING, [file], {
        ports: { log: failingAt(setting.log, cut) },
        batchBytes: 64 * 1024,
      }).catch((error) => error)
      expect(failed).toMatchObject({ message: 'cut' })
      // Another import comes in between, so that the topics' ends alone would
      // not show what was written.
      const other = write('b.csv', `${HEADER}${rows(0, 900)}x\ny\n`)
      await runImport(setting, MAPPING, [other])
      const rest = await runImport(setting, MAPPING, [file])
      expect(rest.rows).toBe(600)
      const pages = (await events())
        .map((event) => event.page)
        .filter((page) => page?.includes('x'))
      expect(pages.length).toBe(588)
      expect(new Set(pages).size).toBe(588)
      const bytes = (await rejects())
        .map((one) => Buffer.from(one.bytes).toString())
        .filter((text) => text.startsWith('cut'))
      expect(bytes.length).toBe(12)
      expect(new Set(bytes).size).toBe(12)
    },
  )
})

test('of two imports at once, the second names the holder of the lock', async () => {
  const file = write('a.csv', `${HEADER}2026-01-01,view,v1,1,\n`)
  const held = await setting.log.writer('ccs.imports', 0, 'ccs import')
  await expect(runImport(setting, MAPPING, [file])).rejects.toMatchObject({
    code: 'CCS_LOG_LOCKED',
  })
  await held.close()
  expect(await runImport(setting, MAPPING, [file])).toMatchObject({ accepted: 1 })
})

test.each([
  ['a.ndjson', '[{"a":1}]', 'is one JSON array'],
  ['a.csv', Buffer.from('\uFEFFa,b', 'utf16le'), 'UTF-16'],
  ['a.csv', 'a,b\r1,2\r', 'line ends of old Macs'],
  ['a.ndjson', '{"a":1}\r{"a":2}\r', 'line ends of old Macs'],
  ['a.dat', 'a,b', "can't be guessed from its name"],
  ['a.parquet', 'PAR1 no', "can't be read as Parquet"],
  [
    'a.csv.gz',
    gzipSync(`${HEADER}${'2026-01-01,view,v1,1,\n'.repeat(99_999)}`).subarray(0, 400),
    'ends in the middle',
  ],
])('%s with the wrong content gives one clear error', async (name, content, message) => {
  const file = write(name, content)
  const error = await runImport(setting, MAPPING, [file]).catch((e) => e)
  expect(error).toMatchObject({ code: 'CCS_IMPORT_INVALID', exit: 2 })
  expect(error.message).toContain(message)
})

const absent = existsSync(REES46) ? '' : ` (skipped: there is no file ${REES46}; set CCS_REES46)`

test.skipIf(absent)(
  `the REES46 sample gives 17,434 events, and its cut-off line a reject${absent}`,
  async () => {
    const result = await runImport(setting, REES46_MAPPING, [REES46])
    expect(result).toMatchObject({
      rows: 17_435,
      accepted: 17_434,
      rejected: 1,
      reasons: { missing_field: 1 },
    })
    const imported = await events()
    const of = (type: string) => imported.filter((event) => event.event_type === type)
    expect([of('view_item').length, of('add_to_cart').length, of('purchase').length]).toEqual([
      17_055, 165, 214,
    ])
    // Five rows are exact duplicates.
    expect(new Set(imported.map((event) => event.event_id)).size).toBe(17_429)
    // Sums the amounts from the text, independently of the import.
    const cents = readFileSync(REES46, 'utf8')
      .split('\n')
      .map((line) => line.split(','))
      .filter((fields) => fields[1] === 'purchase')
      .reduce((sum, fields) => sum + BigInt((fields[6] ?? '').replace('.', '')), 0n)
    const revenue = of('purchase').reduce(
      (sum, { items }) => sum + BigInt(items[0]?.unit_price_minor ?? 0),
      0n,
    )
    expect(revenue).toBe(cents)
    const lines = readFileSync(REES46, 'utf8').split('\n')
    const [reject] = await rejects()
    expect(reject).toMatchObject({ origin: `${REES46}:17436`, reason: 'missing_field' })
    expect(Buffer.from(reject?.bytes ?? []).toString()).toBe(lines.at(-1))
    const again = await runImport(setting, REES46_MAPPING, [REES46])
    expect(again).toMatchObject({ accepted: 0, rejected: 0, importedBefore: 17_435 })
  },
)

test('the events of all files reach the log in the order of their time', async () => {
  const day = (n: number) => `2026-01-${String(n).padStart(2, '0')}`
  const rows = (days: readonly number[]) => days.map((n) => `${day(n)},view,v,${n},\n`).join('')
  const files = [
    write('a.csv', `${HEADER}${rows([9, 3, 7])}`),
    write('b.csv', `${HEADER}${rows([8, 1, 3])}`),
  ]
  const result = await runImport(setting, MAPPING, files, { sortBytes: 1 })
  expect(result.files.map((one) => one.accepted)).toEqual([3, 3])
  expect(result.days).toMatchObject({ first: day(1), last: day(9), days: 5 })
  expect((await events()).map((one) => one.page)).toEqual([1, 3, 3, 7, 8, 9].map((n) => `/p/${n}`))
  expect(readdirSync(path.join(setting.dir, 'tmp'))).toEqual([])
})

describe('a file that ends too early', () => {
  const rows = Array.from({ length: 5000 }, (_, i) => `2026-01-01,view,v${i * 7919},${i},\n`)
  const whole = gzipSync(`${HEADER}${rows.join('')}bad\n`)

  test('is not imported in part, and neither are the files beside it', async () => {
    const files = [
      write('good.csv', `${HEADER}2026-01-01,view,v,1,\nbad\n`),
      write('part.csv.gz', whole.subarray(0, whole.length / 2)),
      write('shorter.csv.gz', whole.subarray(0, whole.length / 3)),
    ]
    const bad = files.slice(1).join(', ')
    const error = await runImport(setting, MAPPING, files).catch((e) => e)
    expect(error).toMatchObject({
      code: 'CCS_IMPORT_INVALID',
      exit: 2,
      message: `${files[1]} ends in the middle of its gzip data (in 2 files: ${bad}).`,
      hint: 'Nothing of it was imported; get the whole file.',
    })
    expect([await events(), await rejects()]).toEqual([[], []])
  })

  test('doubles nothing once the whole file is there', async () => {
    const part = write('a.csv.gz', whole.subarray(0, whole.length * 0.95))
    await runImport(setting, MAPPING, [part]).catch(() => {})
    const result = await runImport(setting, MAPPING, [write('a.csv.gz', whole)])
    expect(result).toMatchObject({ rows: 5001, accepted: 5000, rejected: 1 })
    expect((await events()).length).toBe(5000)
    expect((await rejects()).length).toBe(1)
  })
})

test.each([
  ['no bytes', 'a.csv', ''],
  ['blank lines', 'a.csv', '\uFEFF\n\n'],
  ['no bytes, gzipped', 'a.csv.gz', gzipSync('')],
  ['a header', 'a.csv', HEADER],
  ['no bytes', 'a.ndjson', ''],
  ['no bytes', 'a.parquet', ''],
])('a file of %s, %s, is imported as one without rows', async (_, name, content) => {
  const files = [write(name, content), write('b.csv', `${HEADER}2026-01-01,view,v,1,\n`)]
  const mapping = name.endsWith('csv') ? MAPPING : MAPPING.replace('hash: all', 'hash: [id]')
  for (const accepted of [1, 0]) {
    const result = await runImport(setting, mapping, files)
    expect(result.files).toMatchObject([
      { rows: 0, accepted: 0, rejected: 0, importedBefore: 0 },
      { rows: 1, accepted, importedBefore: 1 - accepted },
    ])
  }
})

test('a file that is given twice counts once', async () => {
  const content = `${HEADER}2026-01-01,view,v,1,\nbad\n`
  const files = [write('a.csv', content), write('b.csv', content)]
  const result = await runImport(setting, MAPPING, files)
  expect(result.files).toMatchObject([
    { rows: 2, accepted: 1, rejected: 1, importedBefore: 0 },
    { rows: 2, accepted: 0, rejected: 0, importedBefore: 2 },
  ])
  expect((await events()).length).toBe(1)
})

describe('an import that was interrupted', () => {
  /** Two files without order, of about ten appends of events and one of rejects. */
  function twoFiles(): readonly string[] {
    const line = (i: number) => {
      const day = String(1 + ((i * 7) % 28)).padStart(2, '0')
      return i % 50 === 7 ? `cut ${i}` : `2026-01-${day},view,v,${i}${'x'.repeat(300)},`
    }
    const lines = (from: number) => Array.from({ length: 300 }, (_, i) => `${line(from + i)}\n`)
    return [0, 300].map((from, i) => write(`${i}.csv`, `${HEADER}${lines(from).join('')}`))
  }

  function interruptAt(files: readonly string[], cut: number) {
    return runImport(setting, MAPPING, files, {
      ports: { log: failingAt(setting.log, cut) },
      batchBytes: 32 * 1024,
      sortBytes: 64 * 1024,
    })
  }

  test.each([1, 2, 3, 4, 5, 8, 13, 16])(
    'at append %i has every row once and in order after it is resumed',
    async (cut) => {
      const files = twoFiles()
      await expect(interruptAt(files, cut)).rejects.toThrow('cut')
      await expect(interruptAt(files, 3)).rejects.toThrow('cut')
      const rest = await runImport(setting, MAPPING, files)
      for (const one of [rest, ...rest.files])
        expect(one.rows).toBe(one.accepted + one.rejected + one.importedBefore)
      expect(rest.rows).toBe(600)
      const imported = await events()
      expect(imported.length).toBe(588)
      expect(new Set(imported.map((one) => one.page)).size).toBe(588)
      const times = imported.map((one) => one.event_ts)
      expect(times).toEqual([...times].sort((a, b) => a - b))
      const bytes = (await rejects()).map((one) => Buffer.from(one.bytes).toString())
      expect([bytes.length, new Set(bytes).size]).toEqual([12, 12])
      const again = await runImport(setting, MAPPING, files)
      expect(again).toMatchObject({ rows: 600, accepted: 0, rejected: 0, importedBefore: 600 })
    },
  )

  test('is resumed with its own files only', async () => {
    const [a = '', b = ''] = twoFiles()
    await expect(interruptAt([a, b], 8)).rejects.toThrow('cut')
    const error = await runImport(setting, MAPPING, [b]).catch((e) => e)
    expect(error).toMatchObject({ code: 'CCS_IMPORT_INVALID', exit: 2 })
    expect(error.message).toContain(`${b} belongs to an import that was interrupted`)
    expect(error.hint).toContain(`First import the same files: ${a} ${b}`)
    expect(await runImport(setting, MAPPING, [b], { includesImported: true })).toMatchObject({
      rows: 300,
      importedBefore: 0,
    })
  })

  test('is refused if its events are no longer the same', async () => {
    const files = twoFiles()
    await expect(interruptAt(files, 12)).rejects.toThrow('cut')
    const own = importContract()
    const later = (ms: number | Rejection) => (typeof ms === 'number' ? -ms : ms)
    const changed = { ...own, readEventMs: (r: Buffer, n: number) => later(own.readEventMs(r, n)) }
    const error = await runImport(setting, MAPPING, files, { contract: changed }).catch((e) => e)
    expect(error).toMatchObject({ code: 'CCS_IMPORT_INVALID', exit: 2 })
    expect(error.message).toContain('other events than before')
  })

  test('by a signal says how many rows are in the log, and continues', async () => {
    const files = twoFiles()
    const stop = new AbortController()
    const onProgress = (phase: string) => phase === 'write' && stop.abort()
    const first = await runImport(setting, MAPPING, files, {
      batchBytes: 32 * 1024,
      signal: stop.signal,
      onProgress,
    })
    expect(first).toMatchObject({ isStopped: true, rejected: 12 })
    expect((await events()).length).toBe(first.accepted)
    const rest = await runImport(setting, MAPPING, files)
    expect(rest).toMatchObject({ isStopped: false, rows: 600, importedBefore: first.rows })
    expect((await events()).length).toBe(588)
  })

  test('by a signal while files are read has written nothing', async () => {
    const stop = new AbortController()
    const { signal } = stop
    const stopped = { signal, onProgress: () => stop.abort() }
    const result = await runImport(setting, MAPPING, twoFiles(), stopped)
    expect(result).toMatchObject({ isStopped: true, rows: 0, accepted: 0, rejected: 0 })
    expect([await events(), await rejects()]).toEqual([[], []])
  })
})

/** A log whose append number `cut` (from 1) fails before anything is written. */
function failingAt(log: EventLog, cut: number): EventLog {
  let appends = 0
  return {
    ...log,
    writer: async (...args) => {
      const writer = await log.writer(...args)
      return {
        topic: writer.topic,
        partition: writer.partition,
        close: () => writer.close(),
        append: (batch, appendMs) => {
          if (++appends === cut) throw new Error('cut')
          return writer.append(batch, appendMs)
        },
      }
    },
  }
}
