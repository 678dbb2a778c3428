/** The project under measure: its folder, its built modules, its models, and copies of it with fewer models. */
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** Where the benchmarks, their results and the page about them lie. */
export const HOME = path.resolve(import.meta.dirname, '../..')
/** The checkout under measure: this one, or the one that CCS_BENCH_ROOT names. */
export const ROOT = path.resolve(process.env.CCS_BENCH_ROOT ?? HOME)
export const CCS = path.join(ROOT, 'bin/run.js')

/** A module of the build, e.g. `log/local.js`. */
export function projectModule(file) {
  return import(path.join(ROOT, 'dist', file))
}

/** The models as they stand, bronze first, in an order in which each reads only earlier ones. */
export async function readModels(project = ROOT) {
  const models = []
  for (const layer of ['bronze', 'silver', 'gold']) {
    for (const file of (await readdir(`${project}/sql/${layer}`)).sort()) {
      if (!file.endsWith('.sql')) continue
      const text = await readFile(`${project}/sql/${layer}/${file}`, 'utf8')
      const kind = /^kind:\s*(\w+)/m.exec(text)?.[1] ?? ''
      const partition = /^partition:\s*(\w+)/m.exec(text)?.[1]
      models.push({ name: `${layer}.${file.slice(0, -4)}`, layer, kind, partition, sql: text })
    }
  }
  return ordered(models)
}

function ordered(models) {
  const done = []
  const left = [...models]
  while (left.length > 0) {
    const next = left.findIndex(({ name, sql }) =>
      left.every((other) => other.name === name || !reads(sql, other.name)),
    )
    if (next < 0) throw new Error('The models read one another in a circle.')
    done.push(...left.splice(next, 1))
  }
  return done
}

function reads(sql, name) {
  return new RegExp(`\\b${name.replace('.', '\\.')}\\b`).test(sql.replace(/--.*$/gm, ''))
}

/** Copies the project to `dir` with only the models named, e.g. `gold.sessions`. */
export async function copyProject(dir, names) {
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir, { recursive: true })
  for (const part of ['ccs.yml', 'schemas', 'sql/macros.sql'])
    await cp(`${ROOT}/${part}`, `${dir}/${part}`, { recursive: true })
  for (const name of names) {
    const file = `sql/${name.replace('.', '/')}.sql`
    await cp(`${ROOT}/${file}`, `${dir}/${file}`)
  }
}

/** Adds models to a copy of the project. */
export async function addModels(dir, models) {
  for (const { name, sql } of models)
    await writeFile(`${dir}/sql/${name.replace('.', '/')}.sql`, sql)
}

/** A second data directory over the same log, without copying it. */
export async function sameLog(from, to) {
  await rm(to, { recursive: true, force: true })
  await mkdir(`${to}/log`, { recursive: true })
  for (const topic of await readdir(`${from}/log`))
    if (topic.startsWith('events.raw-')) await symlink(`${from}/log/${topic}`, `${to}/log/${topic}`)
}
