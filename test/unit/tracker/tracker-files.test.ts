/** The files that browsers load: small, with harmless names, typed by the contract. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildTracker } from '../../../cli/web/tracker/build-tracker.ts'
import {
  INLET_PATH,
  readTracker,
  type TrackerFiles,
} from '../../../cli/web/tracker/tracker-files.ts'

const GZIP_BYTES_MAX = 2_500
/** The type checker takes a second, and many on a busy machine. */
const CHECKED_MS = 120_000
const SOURCES = path.resolve(import.meta.dirname, '../../../cli/web/tracker/browser')
/** Parts of addresses that ad blockers look for. */
const BLOCKED = /analytics|track|stats|collect|event|pixel|beacon|telemetry|metric/i

let dir: string
let files: TrackerFiles

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-tracker-'))
  await buildTracker(dir)
  files = await readTracker(dir)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('each script is at most 2,500 bytes, compressed by gzip -9', () => {
  const sizes = [files.script, files.module].map((file) => gzipSync(file, { level: 9 }).length)
  for (const size of sizes) expect(size).toBeLessThanOrEqual(GZIP_BYTES_MAX)
})

test('each script names the collector’s path once, and has nothing newer than ES2020', () => {
  for (const file of [files.script, files.module]) {
    const text = file.toString('utf8')
    expect(text.split(INLET_PATH)).toHaveLength(2)
    expect(text).not.toMatch(/\|\|=|&&=|\?\?=|\.at\(|replaceAll|structuredClone|#\w/)
    expect(text).not.toMatch(/\/\*|eval\(|new Function|document\.cookie|innerHTML/)
  }
})

test('no address and no global name is one that ad blockers match', () => {
  const { script } = files
  const strings = [...script.toString('utf8').matchAll(/[`'"](\/[\w/.-]*)/g)].map(([, one]) => one)
  expect(strings).toEqual([INLET_PATH])
  expect(
    ['/ccs.js', '/ccs.mjs', '/ccs.d.ts', ...strings].filter((one) => BLOCKED.test(one ?? '')),
  ).toEqual([])
})

test('the browser’s sources pass the type checker', { timeout: CHECKED_MS }, () => {
  const config = path.join(SOURCES, 'jsconfig.json')
  const { config: json } = ts.readConfigFile(config, ts.sys.readFile)
  const { fileNames, options } = ts.parseJsonConfigFileContent(json, ts.sys, SOURCES)
  expect(fileNames.length).toBeGreaterThan(5)
  expect(listFaults(fileNames, options)).toEqual([])
})

test('the types take what the contract needs of each kind', { timeout: CHECKED_MS }, () => {
  const shop = path.join(dir, 'shop.ts')
  writeFileSync(shop, SHOP)
  expect(
    listFaults([shop], {
      strict: true,
      noEmit: true,
      lib: ['lib.es2020.d.ts'],
      types: [],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      paths: { '/ccs.mjs': [path.join(dir, 'ccs.d.ts')] },
    }),
  ).toEqual([])
})

/** A line under `@ts-expect-error` is a bad use: the checker has to find a fault in it. */
const SHOP = `
import { consent, identify, type Item, send, start } from '/ccs.mjs'
const items: Item[] = [{ sku: 'S-1', unit_price_minor: 1999, quantity: 2 }]
start({ key: 'k', auto: false })
start()
consent(true)
identify('c7')
send('page_view')
send('begin_checkout')
send('begin_checkout', { items })
send('search', { search_term: 'lamp', results_count: 3 })
send('purchase', { order_id: 'A-1', items, currency: 'EUR', tax_minor: 307 })
send('refund', { order_id: 'A-1', currency: 'EUR', refund_minor: 1999 })
send('refund', { order_id: 'A-1', currency: 'EUR', items })
ccs('add_to_cart', { items })
ccs('consent', false)
ccs.identify()
// @ts-expect-error an order needs its currency
send('purchase', { order_id: 'A-1', items })
// @ts-expect-error and its lines
send('purchase', { order_id: 'A-1', currency: 'EUR' })
// @ts-expect-error and its number
send('purchase', { items, currency: 'EUR' })
// @ts-expect-error or what a refund is of
send('refund', { order_id: 'A-1', currency: 'EUR' })
// @ts-expect-error no fields at all
send('search')
// @ts-expect-error money is a number of hundredths
send('add_to_cart', { items: [{ sku: 'S-1', unit_price_minor: '19.99', quantity: 1 }] })
// @ts-expect-error no such kind
send('bought', { items })
// @ts-expect-error no such field
send('search', { search_term: 'lamp', colour: 'blue' })
// @ts-expect-error the collector says who it was
send('page_view', { anonymous_id: 'a' })
// @ts-expect-error a decision is yes or no
consent('yes')
ccs('add_to_cart', { items })
// @ts-expect-error the page's function is as strict
ccs('add_to_cart')
`

function listFaults(rootNames: readonly string[], options: ts.CompilerOptions): readonly string[] {
  const program = ts.createProgram({ rootNames, options })
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start ?? 0).line + 1 : 0
    return `${file?.fileName}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
}

test('every field of the contract that a shop may set has a type', () => {
  const types = files.types.toString('utf8')
  const schema = JSON.parse(
    readFileSync(path.join(SOURCES, '../../../../schemas/events.raw.avsc'), 'utf8'),
  )
  for (const { name } of schema.fields.find((field: { name: string }) => field.name === 'items')
    .type.items.fields)
    expect(types).toMatch(new RegExp(`^  ${name}\\??: `, 'm'))
  for (const name of ['order_id', 'refund_minor', 'results_count', 'coupon'])
    expect(types).toMatch(new RegExp(`^  ${name}\\?: `, 'm'))
})
