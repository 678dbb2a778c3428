/** The history of a data directory: its files, their limits, and what comes into them. */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openHistory, readHistory, redactHistory } from '../../cli/adapters/files/history-file.ts'
import { openAnswers } from '../../cli/app/query.ts'
import {
  formatEntry,
  type HistoryEntry,
  type HistoryWriter,
  parseEntries,
} from '../../cli/domain/monitoring/history.ts'
import { openLiveShop } from '../fixtures/live-shop.ts'
import { makeRig } from '../fixtures/pipeline-rig.ts'

const dir = mkdtempSync(join(tmpdir(), 'ccs-history-'))
afterAll(() => rm(dir, { recursive: true, force: true }))

let made = 0
function makeRoot(): string {
  const root = join(dir, String(made++))
  mkdirSync(root)
  return root
}

function entry(text: string, more: Partial<HistoryEntry> = {}): HistoryEntry {
  const at = '2026-11-30T01:02:03.000Z'
  return { at, what: 'query', by: 'http', text, rows: 1, ms: 5, outcome: 'ok', ...more }
}

async function readEntries(root: string) {
  return parseEntries((await readHistory(root)).join(''))
}

async function write(history: HistoryWriter, texts: readonly string[]) {
  for (const text of texts) {
    history.add(entry(text))
    await history.flush()
  }
}

describe('a line', () => {
  test('has no secrets, no control characters, and a limited length', () => {
    const secrets = [
      "SELECT * FROM t WHERE password = 'hunter2' AND page = '/a'",
      'SELECT 1 -- api_token: hunter2, and more',
      "CREATE SECRET (TYPE s3, SECRET 'hunter2')",
      "FROM 'https://me:hunter2@example.com/x.parquet'",
      'ccs deploy --password=hunter2 --yes',
    ]
    for (const text of secrets) expect(formatEntry(entry(text)), text).not.toContain('hunter2')
    const plain = "SELECT token, email FROM silver.people WHERE email = 'me@example.com'"
    expect(JSON.parse(formatEntry(entry(plain))).text).toBe(plain)
    const line = formatEntry(entry(`SELECT '${'x'.repeat(10_000)}\n\u001b[2J'`))
    expect(line.length).toBeLessThan(4_300)
    expect(line.indexOf('\n')).toBe(line.length - 1)
  })

  test('that was cut short by a crash is counted, and the others are read', () => {
    const good = formatEntry(entry('SELECT 1'))
    expect(parseEntries(`${good}{"at":"2026\n${good}`)).toMatchObject({
      entries: [entry('SELECT 1'), entry('SELECT 1')],
      unreadable: 1,
    })
  })
})

describe('the files', () => {
  test('are private whatever the umask, and none is made without a data directory', async () => {
    const root = makeRoot()
    const umask = process.umask(0)
    try {
      await write(openHistory(root), ['SELECT 1'])
      expect((await stat(`${root}/history`)).mode & 0o777).toBe(0o700)
      expect((await stat(`${root}/history/history.ndjson`)).mode & 0o777).toBe(0o600)
      await write(openHistory(`${root}/none`), ['SELECT 1'])
      expect(await readdir(root)).toEqual(['history'])
      await write(openHistory(`${root}/kafka`, { makesRoot: true }), ['ccs deploy'])
      expect((await readEntries(`${root}/kafka`)).entries).toHaveLength(1)
    } finally {
      process.umask(umask)
    }
  })

  test('are replaced when they are large: the newest entries stay, in order', async () => {
    const root = makeRoot()
    const history = openHistory(root, { fileBytesMax: 1_000, filesMax: 3 })
    const texts = Array.from({ length: 60 }, (_, index) => `SELECT ${index}`)
    await write(history, texts)
    const { entries, unreadable } = await readEntries(root)
    expect(unreadable).toBe(0)
    expect(entries.length).toBeGreaterThan(12)
    expect(entries.length).toBeLessThan(40)
    expect(entries.map(({ text }) => text)).toEqual(texts.slice(-entries.length))
    const files = (await readdir(`${root}/history`)).filter((name) => name.endsWith('.ndjson'))
    expect(files).toEqual(['history.1.ndjson', 'history.2.ndjson', 'history.ndjson'])
  })

  test('take the lines of several writers at once, whole, also while they are replaced', async () => {
    const root = makeRoot()
    const writers = [1, 2, 3, 4].map(() => openHistory(root, { fileBytesMax: 20_000, filesMax: 5 }))
    const all = writers.flatMap((writer, number) =>
      Array.from({ length: 100 }, (_, index) => {
        const text = `SELECT ${number}, ${index}`
        writer.add(entry(text))
        return text
      }),
    )
    await Promise.all(writers.map((writer) => writer.flush()))
    const { entries, unreadable } = await readEntries(root)
    expect(unreadable).toBe(0)
    expect(entries.map(({ text }) => text).sort()).toEqual(all.sort())
  })

  test('that can’t be written cost nothing but the history', async () => {
    const root = makeRoot()
    await writeFile(`${root}/history`, 'in the way')
    const history = openHistory(root)
    history.add(entry('SELECT 1'))
    await history.flush()
    expect(await readFile(`${root}/history`, 'utf8')).toBe('in the way')
    expect(await readHistory(root)).toEqual([])
  })
})

test('a running engine records what is asked, with its outcome, and not its own questions', async () => {
  const root = makeRoot()
  const shop = await openLiveShop(await makeRig(), root)
  const ask = (sql: string) =>
    fetch(`${shop.url}/query`, {
      method: 'POST',
      headers: { ...shop.headers, 'content-type': 'application/json' },
      body: JSON.stringify({ sql }),
    })
  try {
    await ask('SELECT range AS n FROM range(3)')
    await ask('SELECT nope')
    await fetch(`${shop.url}/api/snapshot`, { headers: shop.headers })
    const answers = await openAnswers(shop.project)
    await answers.query('SELECT 1 AS own')
    await answers.query('SELECT 2 AS typed', { door: 'ccs query' })
    await answers.close()
    await fetch(`${shop.url}/query`, { method: 'POST', body: '{"sql":"SELECT 3 AS denied"}' })
  } finally {
    await shop.close()
  }
  const answers = await openAnswers(shop.project)
  await answers.query('SELECT 4 AS idle', { door: 'ccs sql' })
  await answers.query('SELECT 5 AS own')
  await answers.close()
  const { entries } = await readEntries(root)
  expect(entries.map(({ by, text, rows, outcome }) => [by, text, rows, outcome])).toEqual([
    ['http', 'SELECT range AS n FROM range(3)', 3, 'ok'],
    ['http', 'SELECT nope', null, 'CCS_QUERY_INVALID'],
    ['ccs query', 'SELECT 2 AS typed', 1, 'ok'],
    ['ccs sql', 'SELECT 4 AS idle', 1, 'ok'],
  ])
  for (const { at, ms } of entries) {
    expect(Date.parse(at)).toBeGreaterThan(Date.now() - 120_000)
    expect(ms).toBeGreaterThanOrEqual(0)
  }
})

test('an erased id is taken out of texts, not out of numbers or longer words', async () => {
  const root = makeRoot()
  const history = openHistory(root)
  history.add(entry('SELECT 1042, "x1042" FROM t WHERE id = \'1042\'', { rows: 1042, ms: 11042 }))
  history.add(entry('ccs erase --customer 1042 --yes'))
  await history.flush()
  await redactHistory(root, ['1042'])
  const { entries, unreadable } = await readEntries(root)
  expect(unreadable).toBe(0)
  expect(entries).toMatchObject([
    { text: 'SELECT ***, "x1042" FROM t WHERE id = \'***\'', rows: 1042, ms: 11042 },
    { text: 'ccs erase --customer *** --yes' },
  ])
})
