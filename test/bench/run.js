/**
 * `npm run bench -- [names] [--quick] [--events N] [--pairs N] [--write]`: runs benchmarks one after another,
 * prints each as a table, ends with what was aimed at and what was measured, and keeps all as JSON in
 * bench-results/. Never a test: the exit code is 0 unless a bench could not run or rows differed.
 */
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import os from 'node:os'
import { parseArgs } from 'node:util'
import { batch } from './batch.js'
import { collect } from './collect.js'
import { flink } from './flink.js'
import { flinkState } from './flink-state.js'
import { freshness } from './freshness.js'
import { gate } from './gate.js'
import { gen } from './gen.js'
import { history } from './history.js'
import { kafka } from './kafka.js'
import { leastMemory } from './least-memory.js'
import { log } from './log.js'
import { pages } from './pages.js'
import { plan } from './plan.js'
import { CCS, ROOT } from './project.js'
import { recovery } from './recovery.js'
import {
  EVENTS_WRONG,
  goalRows,
  machine,
  print,
  ROWS_DIFFER,
  save,
  table,
  writePage,
} from './report.js'
import { shapes } from './shapes.js'
import { spark } from './spark.js'
import { startup } from './startup.js'

const BENCHES = [
  ...[startup, plan, gen, log, gate, collect, freshness, pages, batch],
  ...[spark, recovery, history, shapes, leastMemory, kafka, flink, flinkState],
]

const NAMES = BENCHES.map((one) => one.name).join(', ')
const USAGE = `npm run bench -- [names] [--quick] [--events N] [--seconds N] [--pairs N] [--threads N]
  [--memory SIZE] [--dir DIR] [--keep] [--write]      (docs/benchmarks.md explains them)
names: ${NAMES}`

const { values, positionals } = readArguments()
const unknown = positionals.filter((name) => !BENCHES.some((one) => one.name === name))
if (unknown.length > 0 || !existsSync(`${ROOT}/dist/command.js`)) {
  console.error(
    unknown.length > 0
      ? `There is no bench ${unknown.join(', ')}. There are: ${NAMES}.`
      : `${CCS} is not built: npm run build`,
  )
  process.exit(2)
}

const on = machine()
const scale = values.quick ? 'quick' : 'full'
const size = values.events || values.seconds ? 'other' : scale
const chosen =
  positionals.length > 0 ? BENCHES.filter((one) => positionals.includes(one.name)) : BENCHES
const results = []
for (const bench of chosen) {
  const dir = `${values.dir}/${bench.name}`
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir, { recursive: true })
  const settings = {
    events: Number(values.events ?? bench.events[scale]),
    seconds: Number(values.seconds ?? (values.quick ? 15 : 60)),
    pairs: Number(values.pairs ?? (values.quick ? 1 : 3)),
    threads: Number(values.threads),
    memory: values.memory,
    cache: values.dir,
    size,
  }
  const say = (text) =>
    process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${bench.name}: ${text}\n`)
  const { name, title } = bench
  try {
    const found = await bench.run({ ...settings, dir, say })
    const result = { name, title, settings, ...found }
    results.push(result)
    print(result)
    await save(name, { on, ...result })
  } catch (error) {
    results.push({ name, title, failed: error instanceof Error ? error.message : String(error) })
    console.log(`\n== ${name} failed: ${error instanceof Error ? error.stack : error}`)
    process.exitCode = 1
  }
  if (!values.keep) await rm(dir, { recursive: true, force: true })
}
console.log('\n== Goals')
console.log(table(goalRows(results)))
await save('summary', { on, goals: goalRows(results) })
if (values.write) await writePage(results, on)
for (const { goals = [] } of results)
  if (goals.some((one) => [ROWS_DIFFER, EVENTS_WRONG].includes(one.goal) && !one.met))
    process.exitCode = 1

function readArguments() {
  const options = {
    help: { type: 'boolean' },
    quick: { type: 'boolean' },
    write: { type: 'boolean' },
    keep: { type: 'boolean' },
    events: { type: 'string' },
    seconds: { type: 'string' },
    pairs: { type: 'string' },
    threads: { type: 'string', default: '1' },
    memory: { type: 'string', default: '512MiB' },
    dir: { type: 'string', default: `${os.tmpdir()}/ccs-bench` },
  }
  try {
    const found = parseArgs({ allowPositionals: true, options })
    if (!found.values.help) return found
    console.log(USAGE)
    process.exit(0)
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`)
    process.exit(2)
  }
}
