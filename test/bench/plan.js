/**
 * What `ccs plan` costs with many models: 500 against `dbt parse` of the same 500, and how it grows to 5,000. dbt is
 * that of CCS_BENCH_DBT, of the project's environment, or of the PATH; without one only ccs is measured.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { writeDbt, writeModels } from './many-models.js'
import { ccs, measure, median } from './measure.js'
import { CCS, ROOT } from './project.js'
import { goal, number } from './report.js'

const COUNTS = [500, 1_000, 2_000, 5_000]

export const plan = {
  name: 'plan',
  title: 'ccs plan of many models, against dbt parse of the same',
  events: { full: 5, quick: 3 },
  async run({ events: runs, dir, say }) {
    const rows = []
    for (const count of COUNTS) {
      const project = `${dir}/${count}`
      writeModels(project, count)
      const place = ['--project', project]
      await ccs(['deploy', '--yes', ...place])
      const found = []
      for (let i = 0; i < (count > 1_000 ? 2 : runs); i++)
        found.push(await measure(process.execPath, [CCS, 'plan', ...place]))
      rows.push(rowOf(`ccs plan, ${count} models`, found))
      say(`${count}: ${number(rows.at(-1)['CPU s'])} s`)
      rmSync(project, { recursive: true, force: true })
    }
    const dbt = dbtPath()
    if (dbt) {
      const project = `${dir}/dbt`
      mkdirSync(project, { recursive: true })
      writeDbt(project, COUNTS[0])
      const args = ['parse', '--no-partial-parse', '--profiles-dir', project]
      const found = []
      for (let i = 0; i < runs; i++) found.push(await measure(dbt, args, { cwd: project }))
      rows.push(rowOf(`dbt parse, ${COUNTS[0]} models`, found))
    }
    const [first, , , last] = rows
    const each = (row, count) => row['CPU s'] / count
    return {
      rows,
      goals: [
        goal('seconds of ccs plan, 500 models, warm', first['wall s'], '<= 1'),
        ...(dbt
          ? [goal('CPU of dbt parse / ccs plan', rows.at(-1)['CPU s'] / first['CPU s'], '>= 10')]
          : []),
        goal('CPU a model, 5,000 / 500', each(last, 5_000) / each(first, 500), '<= 1.1'),
      ],
      notes: [
        `Medians of ${runs} runs, files in the page cache. Models: windows, streams, views and views over views; ` +
          'dbt has them with their descriptions and the tests of their keys, and reads nothing from an earlier run.',
        ...(dbt ? [] : ['No dbt was found: set CCS_BENCH_DBT to its path.']),
      ],
    }
  },
}

function rowOf(side, found) {
  return {
    side,
    'CPU s': median(found.map((one) => one.cpuSeconds)),
    'wall s': median(found.map((one) => one.wallSeconds)),
  }
}

function dbtPath() {
  const paths = [process.env.CCS_BENCH_DBT, `${ROOT}/.ccs/venv/bin/dbt`]
  const found = (process.env.PATH ?? '').split(':').map((one) => `${one}/dbt`)
  return [...paths, ...found].find((one) => one && existsSync(one))
}
