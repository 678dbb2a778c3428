/**
 * Against the design that ccs replaces: PySpark Structured Streaming over the same events, writing Bronze,
 * silver.events, per-minute and revenue Gold. Both sides from the start of the process to its end.
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { generateHistory } from './batch.js'
import { withDuck } from './compare.js'
import { endpointOf } from './engine.js'
import { exportEvents } from './export.js'
import { abba, ccs, measure, median, ratio, sleep } from './measure.js'
import { copyProject, sameLog } from './project.js'
import { goal, mb, number, ROWS_DIFFER } from './report.js'

const VERSION = '4.3.0'
const TIMEZONE = 'Europe/Berlin' // as in ccs.yml
const FILE_ROWS = 50_000
const TABLES = ['bronze.events', 'silver.events', 'gold.activity_1m', 'gold.revenue_daily']

export const spark = {
  name: 'spark',
  title: `against PySpark ${VERSION} Structured Streaming local[2], start included`,
  events: { full: 1_000_000, quick: 200_000 },
  async run({ events, pairs, dir, cache, say }) {
    const python = await install(`${cache}/../ccs-bench-pyspark-${VERSION}`, say)
    const log = `${dir}/log`
    const data = `${dir}/data`
    const json = `${dir}/json`
    const out = `${dir}/spark`
    const project = `${dir}/project`
    say(`writing a log of ${number(events)} events`)
    await generateHistory(log, events)
    await copyProject(project, [...TABLES, 'silver.people'])
    const once = async () => {
      say('ccs run --once')
      await sameLog(log, data)
      const first = firstAnswer(data)
      const ran = await ccs(['run', '--once', '--data', data, '--project', project])
      return { ...ran, firstSeconds: await first.end() }
    }
    say('warming up: one run, which also tells the rejects')
    await once()
    await mkdir(json, { recursive: true })
    await exportEvents({ data, file: `${json}/events`, fileRowsMax: FILE_ROWS })
    const sparkRun = async () => {
      say('PySpark')
      await rm(out, { recursive: true, force: true })
      const first = firstFile(`${out}/silver.events`)
      const args = [`${import.meta.dirname}/spark_job.py`, json, out, TIMEZONE]
      const ran = await measure(python, args, { env: { PYSPARK_PYTHON: python } })
      return { ...ran, firstSeconds: await first.end() }
    }
    const pairsFound = await abba(pairs, once, sparkRun)
    const wrong = await differing(data, project, out)
    const of = (pick) => ratio(pairsFound, pick)
    const cpu = of((one) => one.cpuSeconds)
    const wall = of((one) => one.wallSeconds)
    const first = of((one) => one.firstSeconds)
    const memory = of((one) => one.peakBytes)
    return {
      rows: [
        row(
          'ccs run --once',
          pairsFound.map(({ a }) => a),
          events,
        ),
        row(
          `PySpark ${VERSION}`,
          pairsFound.map(({ b }) => b),
          events,
        ),
      ],
      goals: [
        goal('CPU of PySpark / CPU of ccs', 1 / cpu.median, '>= 10'),
        goal('wall of PySpark / wall of ccs', 1 / wall.median, '>= 8'),
        goal('first row of PySpark / first row of ccs', 1 / first.median, '>= 20'),
        goal('memory of ccs / memory of PySpark', memory.median, '<= 0.25'),
        goal(ROWS_DIFFER, wrong.length, '<= 0'),
      ],
      notes: [
        `${pairs} pair(s), ABBA; both keep Bronze, silver.events, activity_1m and revenue_daily; PySpark aggregates Gold once at the end.`,
        'First row: ccs answers a query with a row of Silver; PySpark has its first Parquet file of Silver.',
        `PySpark: driver memory 4 GB, 2 shuffle partitions, ${number(FILE_ROWS)} events a file, 2 files a micro-batch.`,
        wrong.length === 0
          ? 'All rows equal (which of two arrivals of an event stays is not defined in Spark: offset and late_ms left out).'
          : wrong.join('; '),
      ],
    }
  },
}

/** Path of a Python with this PySpark; kept between runs. */
async function install(venv, say) {
  const python = `${venv}/bin/python`
  if (existsSync(`${venv}/installed`)) return python
  say(`installing PySpark ${VERSION} into ${venv}`)
  await rm(venv, { recursive: true, force: true })
  await measure('java', ['-version'])
  await measure('python3', ['-m', 'venv', venv])
  await measure(python, ['-m', 'pip', 'install', '--quiet', `pyspark==${VERSION}`])
  await mkdir(`${venv}/installed`)
  return python
}

/** Seconds until the engine on `data` answers with a row of Silver. */
function firstAnswer(data) {
  return watch(async () => {
    const engine = await endpointOf(data)
    if (!engine) return false
    const [row] = await engine.query('SELECT count(*) AS n FROM silver.events')
    return row.n > 0
  })
}

/** Seconds until there is a Parquet file, under its final name, below the directory. */
function firstFile(dir) {
  return watch(async () => {
    const names = await readdir(dir, { recursive: true })
    return names.some((name) => name.endsWith('.parquet') && !/(^|\/)[._]/.test(name))
  })
}

/** Looks every 20 ms until it is so, or until `end()`, which gives the seconds since the beginning. */
function watch(isSo) {
  const startMs = performance.now()
  let isOver = false
  let seconds = Number.NaN
  const loop = async () => {
    while (!isOver) {
      if (await isSo().catch(() => false)) {
        seconds = (performance.now() - startMs) / 1000
        return
      }
      await sleep(20)
    }
  }
  const ended = loop()
  return {
    end: async () => {
      isOver = true
      await ended
      if (Number.isNaN(seconds)) throw new Error('No row was seen before the end.')
      return seconds
    },
  }
}

/** Which of two arrivals of one event stays is not defined in Spark: these may differ in Silver. */
const OF_ARRIVAL = ['offset', 'late_ms']

/** Compares the columns that PySpark wrote, in each table. */
async function differing(data, project, out) {
  const found = []
  await withDuck(async (all) => {
    for (const name of TABLES) {
      const theirs = `read_parquet('${out}/${name}/**/*.parquet', hive_partitioning = false)`
      const described = await all(`DESCRIBE SELECT * FROM ${theirs}`)
      const compared = described.filter(
        ({ column_name: column }) => name !== 'silver.events' || !OF_ARRIVAL.includes(column),
      )
      const list = compared.map(({ column_name: column, column_type: type }) =>
        type.startsWith('TIMESTAMP') ? `epoch_ms("${column}") AS "${column}"` : `"${column}"`,
      )
      const sql = (from) =>
        `SELECT count(*) AS n, CAST(sum(hash(t)) AS VARCHAR) AS hash FROM (SELECT ${list.join(', ')} FROM ${from}) AS t`
      const [spark] = await all(sql(theirs))
      const asked = await ccs(['query', sql(name), '--json', '--data', data, '--project', project])
      const [own] = JSON.parse(asked.stdout).rows
      if (Number(spark.n) !== Number(own.n) || spark.hash !== own.hash)
        found.push(
          `${name}: ${own.n} rows in ccs, ${spark.n} in PySpark, hashes ${spark.hash === own.hash ? 'equal' : 'differ'}`,
        )
    }
  })
  return found
}

function row(side, runs, events) {
  const of = (pick) => median(runs.map(pick))
  return {
    side,
    'CPU s': of((one) => one.cpuSeconds),
    'wall s': of((one) => one.wallSeconds),
    'first row s': of((one) => one.firstSeconds),
    'events per CPU-s': events / of((one) => one.cpuSeconds),
    'peak MB': mb(of((one) => one.peakBytes)),
  }
}
