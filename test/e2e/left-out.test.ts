/**
 * One event of each kind that a number leaves out: the page, `ccs status` and `ccs why` agree on how
 * many there are, with the engine running and after it has stopped, and each is found and explained.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openImport } from '../../cli/app/import.ts'
import { openLogic } from '../../cli/app/project-logic.ts'
import { openAnswers } from '../../cli/app/query.ts'
import { openRejectDecoder } from '../../cli/app/reader.ts'
import { openStore } from '../../cli/app/store.ts'
import { RejectCounter } from '../../cli/domain/dlq/count-rejects.ts'
import { importFiles } from '../../cli/domain/ingest/import.ts'
import type { EventReport } from '../../cli/domain/provenance/event-report.ts'
import { type EventQuestion, explainEvent } from '../../cli/domain/provenance/find-left-out.ts'
import {
  type LeftOut,
  type LeftOutKind,
  readLeftOut,
} from '../../cli/domain/provenance/left-out.ts'
import { findLeftOutModels } from '../../cli/domain/provenance/left-out-sql.ts'
import { loadProject, type Project } from '../../cli/project.ts'
import {
  createEventNow,
  createOrderNow,
  type LiveShop,
  openLiveShop,
} from '../fixtures/live-shop.ts'
import { makeNoonProject } from '../fixtures/noon-project.ts'
import { runCcs } from './run-ccs.ts'

const HOUR_MS = 3_600_000
/** Eleven events and a record that is none. */
const RECORDS = 12

/**
 * A zone west of Greenwich where it is between 7 and 21 o'clock: events of the first hours of the
 * UTC day belong to the day before there.
 */
function westernZone(hour = new Date().getUTCHours()): string {
  return `Etc/GMT+${hour <= 8 ? 12 : Math.max(2, hour - 12)}`
}

let dir: string
let project: Project
/** What the page said while the engine ran. */
let onPage: LeftOut
/** What `ccs status` and `ccs why` read from, opened once: no engine runs. */
let ports: Parameters<typeof explainEvent>[0] & Parameters<typeof readLeftOut>[0]
let close = async () => {}
/** event_id by kind. */
const ids: Partial<Record<LeftOutKind, string>> = {}

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-left-out-'))
  project = await makeProject(path.join(dir, 'project'))
  const logic = await openLogic(project)
  const shop = await openLiveShop({ logic, project: () => project }, project.dataDir)
  try {
    await importBrokenRow()
    await shop.append(await makeEvents(shop))
    await shop.appendBytes([Buffer.from('{"broken"')])
    const get = async (route: string) => (await fetch(`${shop.url}${route}`)).json()
    // The page is asked once all is there: it counts again only after ten seconds.
    while ((await get('/status')).counts.records < RECORDS)
      await new Promise((resolve) => setTimeout(resolve, 100))
    onPage = (await get('/api/snapshot')).health.leftOut
  } finally {
    await shop.close()
  }
  const [answers, { log }] = [await openAnswers(project), await openStore(project.dataDir)]
  const counter = new RejectCounter(log)
  ports = {
    ...{ models: findLeftOutModels(logic.graph), timezone: project.config.timezone },
    rejects: { log, decode: await openRejectDecoder(project) },
    query: (sql) => answers.query(sql),
    countRejects: counter.count.bind(counter),
    findReject: counter.findNewest.bind(counter),
  }
  close = async () => {
    await answers.close()
    await log.close()
  }
})
afterAll(async () => {
  await close()
  rmSync(dir, { recursive: true, force: true })
})

/** The shop's own project, which also leaves out visitors who gave no consent. */
async function makeProject(folder: string): Promise<Project> {
  makeNoonProject(folder)
  const edit = (file: string, change: (text: string) => string) => {
    const place = path.join(folder, file)
    writeFileSync(place, change(readFileSync(place, 'utf8')))
  }
  edit('ccs.yml', (text) => text.replace(/timezone: \S+/, `timezone: ${westernZone()}`))
  edit('sql/silver/people.sql', (text) =>
    text.replace('WHERE NOT is_bot', 'WHERE NOT is_bot AND consent IS DISTINCT FROM FALSE'),
  )
  return loadProject(folder, { env: {}, data: path.join(dir, 'data') })
}

async function makeEvents({ url, headers }: LiveShop) {
  const { rows } = await (
    await fetch(`${url}/query`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ sql: 'SELECT CAST(shop_day(right_now()) AS VARCHAR) AS day' }),
    })
  ).json()
  const nightMs = Date.parse(`${rows[0].day}T01:00:00Z`)
  const first = createOrderNow('o1', { minor: 1000, currency: 'EUR' })
  const repeated = createOrderNow('o1', { minor: 2000, currency: 'EUR' })
  const events: [LeftOutKind | 'counted' | 'again', ReturnType<typeof createEventNow>][] = [
    ['other-day', createEventNow({ event_ts: nightMs })],
    ['counted', first],
    ['counted', createOrderNow('o2', { minor: 500, currency: 'EUR' })],
    ['duplicate', first],
    ['repeated-order', repeated],
    ['again', createEventNow({ event_id: repeated.event_id })],
    ['bot', createEventNow({ device: 'bot', anonymous_id: 'robot' })],
    ['no-consent', createEventNow({ consent: false })],
    ['other-currency', createOrderNow('o3', { minor: 700, currency: 'GBP' })],
    ['late', createEventNow({ event_ts: Date.now() - 2 * HOUR_MS, anonymous_id: 'slow' })],
    ['counted', createEventNow()],
  ]
  for (const [kind, { event_id }] of events)
    if (kind !== 'counted' && kind !== 'again') ids[kind] = event_id
  return events.map(([, event]) => event)
}

/** Imports a file whose only row breaks the contract. */
async function importBrokenRow(): Promise<void> {
  const mapping = path.join(dir, 'map.yml')
  const file = path.join(dir, 'rows.csv')
  writeFileSync(file, 'id,when\nbroken-row,yesterday\n')
  writeFileSync(
    mapping,
    `format: csv
event:
  event_id: { hash: [id] }
  event_type: { constant: page_view }
  event_ts: when
  anonymous_id: id
  page: { constant: / }
  device: { constant: desktop }
  source: { constant: import }
`,
  )
  const open = await openImport(project, mapping)
  const result = await importFiles(open.ports, open.contract, {
    files: [file],
    ...{ mapping: open.mapping, mappingHash: open.mappingHash },
    ...{ topic: 'events.raw', dlqTopic: 'events.dlq', partition: 1 },
    ...{ isDryRun: false, includesImported: false, onProgress: () => {} },
    signal: new AbortController().signal,
  }).finally(() => open.close())
  expect(result.rejected).toBe(1)
}

const EXPECTED: Readonly<Record<string, number>> = {
  late: 1,
  duplicate: 2,
  'repeated-order': 1,
  rejected: 1,
  'rejected-import': 1,
  bot: 1,
  'no-consent': 1,
  'other-currency': 1,
  'other-day': 1,
}

const countsOf = ({ rows }: LeftOut) =>
  Object.fromEntries(rows.map(({ kind, count }) => [kind, count]))
const explain = (question: EventQuestion) => explainEvent(ports, question)
const kindsOf = ({ deliveries }: EventReport) =>
  deliveries.flatMap(({ findings }) => findings.map(({ kind }) => kind))

test('the page counts each kind', () => {
  expect(countsOf(onPage)).toEqual(EXPECTED)
  const rule = (kind: LeftOutKind) => onPage.rows.find((row) => row.kind === kind)?.rule
  expect(rule('late')).toBe(
    'not in gold.activity_1m 1, gold.sessions 1; in Silver and the daily marts',
  )
  expect(rule('other-currency')).toContain('which is in EUR: GBP 7.00')
})

test('ccs status counts the same without an engine, right after a restart', async () => {
  const args = ['status', '--project', project.dir, '--data', project.dataDir]
  const { stdout } = await runCcs([...args, '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ running: false, leftOut: onPage })
})

test('another day leaves nothing of it out, and what is no day is refused', async () => {
  const counts = countsOf(await readLeftOut(ports, '2020-02-29'))
  expect(new Set(Object.values(counts))).toEqual(new Set([0]))
  await expect(readLeftOut(ports, '2020-02-30')).rejects.toThrow('is not a day')
})

test('ccs why finds one of each kind, and says what became of it', async () => {
  for (const kind of Object.keys(EXPECTED) as LeftOutKind[]) {
    const report = await explain({ kind, day: undefined })
    if (kind === 'rejected' || kind === 'rejected-import') {
      expect(report.rejects, kind).toHaveLength(1)
      continue
    }
    expect(report.id, kind).toBe(ids[kind])
    expect(kindsOf(report), kind).toContain(kind)
  }
  await expect(explain({ kind: 'other-rule', day: undefined })).rejects.toThrow(
    'Today leaves nothing out as "other-rule".',
  )
})

test('ccs why prints the purchases of an order, with the rule for each', async () => {
  const args = ['why', 'o1', '--project', project.dir, '--data', project.dataDir]
  const { code, stdout } = await runCcs(args)
  expect(code).toBe(0)
  expect(stdout).toContain('rule: dedupe_orders in sql/silver/events.sql')
})

test('an order shows each of its purchases, and the first of them counts', async () => {
  const report = await explain({ id: 'o1' })
  // In the first hours of a UTC day the shop's day is still the one before: that is said too.
  const kinds = kindsOf(report).filter((kind) => kind !== 'other-day')
  expect(kinds).toEqual(['counted', 'duplicate', 'repeated-order'])
  const [first, , repeated] = report.deliveries
  expect(repeated?.findings[0]?.sentence).toContain(`by event ${first?.eventId}`)
  expect(repeated?.findings[0]?.rule).toBe('dedupe_orders in sql/silver/events.sql')
  const { deliveries } = await explain({ id: String(repeated?.eventId) })
  expect(deliveries[1]?.findings[0]?.sentence).toContain(`arrived before, at ${repeated?.from}`)
})

test('a rejected row is found by a text in it and by its line, an unknown id is not', async () => {
  const { rejects } = await explain({ id: 'broken-row' })
  expect(rejects[0]).toMatchObject({ place: '1:0', see: 'ccs dlq show 1:0' })
  expect((await explain({ id: `${dir}/rows.csv:2` })).rejects).toEqual(rejects)
  await expect(explain({ id: 'no-such-id' })).rejects.toThrow(
    'There is no model, mart, event, order or reject "no-such-id".',
  )
})

test('a draft of one model blocks no query: the answer is that of the deployed one', async () => {
  writeFileSync(path.join(project.dir, 'sql/gold/sessions.sql'), 'SELECT nothing yet')
  const args = ['--project', project.dir, '--data', project.dataDir]
  const sql = 'SELECT count(*) AS sessions FROM gold.sessions'
  const { code, stdout, stderr } = await runCcs(['query', sql, ...args])
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('sessions\n') })
  expect(stderr).toContain('Answered as deployed: gold.sessions changed since. See: ccs plan')
})
