/** Results as tables of at most 100 columns, as JSON in bench-results/, and as Markdown in docs/benchmarks.md. */
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import os from 'node:os'
import { HOME, ROOT } from './project.js'

const WIDTH = 100
const RESULTS = `${HOME}/bench-results`
const PAGE = `${HOME}/docs/benchmarks.md`

/** The goals that no bench may miss: a fast wrong answer is a failure. */
export const ROWS_DIFFER = 'tables whose rows differ'
export const EVENTS_WRONG = 'events lost or doubled'

/** Whether a number keeps a limit such as `<= 250` or `>= 8`. */
export function goal(name, measured, limit, unit = '') {
  const [, sign, bound] = /^(<=|>=) ([\d.]+)$/.exec(limit)
  const isMet = sign === '<=' ? measured <= Number(bound) : measured >= Number(bound)
  return { goal: name, limit, unit, measured, met: isMet }
}

export function number(value, digits = 3) {
  if (typeof value !== 'number' || !Number.isFinite(value)) return String(value ?? '')
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(digits)))
}

export const mb = (bytes) => number(bytes / 1024 / 1024)

/** Rows of objects as text; cells are cut so that no line is longer than 100 columns. */
export function table(rows) {
  if (rows.length === 0) return ''
  const keys = Object.keys(rows[0])
  const cells = [keys, ...rows.map((row) => keys.map((key) => cell(row[key])))]
  const widths = keys.map((_, i) => Math.max(...cells.map((line) => line[i].length)))
  const over = widths.reduce((sum, width) => sum + width + 2, -2) - WIDTH
  if (over > 0) {
    const widest = widths.indexOf(Math.max(...widths))
    widths[widest] = Math.max(8, widths[widest] - over)
  }
  const isText = keys.map((key) => rows.some((row) => typeof row[key] === 'string'))
  return cells
    .map((line) =>
      line
        .map((text, i) => {
          const cut = text.length > widths[i] ? `${text.slice(0, widths[i] - 1)}…` : text
          return isText[i] ? cut.padEnd(widths[i]) : cut.padStart(widths[i])
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cell(value) {
  if (typeof value === 'boolean') return value ? 'yes' : 'NO'
  return typeof value === 'number' ? number(value) : String(value ?? '')
}

export function goalRows(results) {
  return results.flatMap(({ name, goals, failed }) =>
    failed
      ? [{ bench: name, goal: `FAILED: ${failed}`, limit: '', measured: '', met: 'NO' }]
      : goals.map((one) => ({
          bench: name,
          goal: one.goal,
          limit: `${one.limit} ${one.unit}`.trim(),
          measured: number(one.measured),
          met: one.met ? 'yes' : 'NO',
        })),
  )
}

export function print(result) {
  console.log(`\n== ${result.name}: ${result.title}`)
  console.log(table(result.rows))
  for (const note of result.notes ?? []) console.log(`   ${note}`)
}

export function machine() {
  const [cpu] = os.cpus()
  let commit = ''
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .toString()
      .trim()
  } catch {} // not a clone
  return {
    cpu: cpu?.model ?? '',
    cores: os.cpus().length,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    node: process.version,
    linux: os.release(),
    commit,
    loadBefore: os.loadavg()[0],
    time: new Date().toISOString(),
  }
}

export async function save(name, document) {
  await mkdir(RESULTS, { recursive: true })
  await writeFile(`${RESULTS}/${name}.json`, `${JSON.stringify(document, null, 2)}\n`)
}

/**
 * Puts the results between the marks of docs/benchmarks.md, one section a bench. The summary keeps the
 * lines of benches that did not run this time.
 */
export async function writePage(results, on) {
  let page = await readFile(PAGE, 'utf8')
  page = between(page, 'summary', `${ABOUT}\n\n${markdown(mergeSummary(page, results))}`)
  for (const { name, rows, notes = [] } of results) {
    if (!rows) continue
    const lines = notes.map((note) => `- ${note}`).join('\n')
    page = between(page, name, `${onLine(on)}\n\n${markdown(rows)}\n${lines && `\n${lines}\n`}`)
  }
  await writeFile(PAGE, page)
}

const ABOUT =
  'The last run of each, some at a smaller size than the full one; size, commit, machine and load ' +
  'stand in its own section.'

/** The goals of these results, each bench in the place that it had; those of other benches stay. */
function mergeSummary(page, results) {
  const before = readSummary(page)
  const names = new Set([...before.map(({ bench }) => bench), ...results.map(({ name }) => name)])
  return [...names].flatMap((name) => {
    const result = results.find((one) => one.name === name)
    return result ? goalRows([result]) : before.filter(({ bench }) => bench === name)
  })
}

function readSummary(page) {
  const [, text = ''] = page.split(/<!-- \/?results:summary -->/)
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (bench|---) /.test(line))
    .map((line) => {
      const [bench, goal, limit, measured, met] = line.slice(2, -2).split(' | ')
      return { bench, goal, limit, measured, met }
    })
}

function onLine(on) {
  const { cpu, cores, memoryGb, node, commit, time, loadBefore } = on
  return `Measured ${time.slice(0, 10)} at ${commit}, ${cores} × ${cpu}, ${memoryGb} GB, Node ${node}, load ${number(loadBefore)} at the start.`
}

function between(page, name, text) {
  const from = `<!-- results:${name} -->`
  const to = `<!-- /results:${name} -->`
  const start = page.indexOf(from)
  const end = page.indexOf(to)
  if (start < 0 || end < start) throw new Error(`${PAGE} has no place for ${name}.`)
  return `${page.slice(0, start + from.length)}\n${text.trimEnd()}\n${page.slice(end)}`
}

function markdown(rows) {
  if (rows.length === 0) return ''
  const keys = Object.keys(rows[0])
  const line = (values) => `| ${values.join(' | ')} |`
  const body = rows.map((row) => line(keys.map((key) => cell(row[key]).replaceAll('|', '\\|'))))
  return [line(keys), line(keys.map(() => '---')), ...body].join('\n')
}
