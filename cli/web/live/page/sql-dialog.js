/** The dialog behind a number: its SELECT, its age, its rows, and the same as a command. */
import { make, makeProse, write } from './elements.js'
import { HIDDEN_TEXT } from './feeds.js'
import { dateOf, dayAndTime, duration } from './format.js'
import { healthFacts, troubles } from './health.js'
import { leftOutTable } from './left-out.js'

/**
 * @typedef {import('./stream.js').Snapshot} Snapshot
 * @typedef {import('./stream.js').Row} Row
 * @typedef {{ id: string, title: string, sql: string, everyMs: number, note: string,
 *   error?: string }} Metric
 */

const ROWS_SHOWN = 60

/**
 * @param {HTMLDialogElement} dialog
 * @param {() => Snapshot | undefined} latest
 * @param {() => Promise<readonly Metric[]>} load
 * @returns {(id: string) => Promise<void>} opens the dialog of a metric, or of `health`
 */
export function makeSqlDialog(dialog, latest, load) {
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close() // the backdrop
  })

  let ticking = 0
  dialog.addEventListener('close', () => clearInterval(ticking))

  return async (id) => {
    const snapshot = latest()
    if (id === 'health') {
      if (!snapshot) return
      dialog.replaceChildren(...healthContent(snapshot, dialog))
    } else {
      const metric = (await load()).find((one) => one.id === id)
      const age = make('p.age')
      const tell = () => {
        const now = latest()
        const isHidden = now?.hidden.includes(id)
        write(age, isHidden ? HIDDEN_TEXT : ageText(now?.figures[id]?.asOf, metric?.everyMs))
      }
      const own = id === 'left_out' ? leftOutTable(snapshot?.health.leftOut ?? null) : []
      const answer = snapshot?.figures[id]
      const target = snapshot?.health.job?.target
      dialog.replaceChildren(...metricContent(dialog, metric, { answer, age, own, target }))
      tell()
      clearInterval(ticking)
      ticking = setInterval(tell, 500)
    }
    if (!dialog.open) dialog.showModal()
  }
}

/**
 * @param {string | undefined} asOf
 * @param {number | undefined} everyMs
 */
function ageText(asOf, everyMs) {
  const date = dateOf(asOf)
  if (!date) return 'Not computed yet.'
  const age = duration(Math.max(0, Date.now() - date.getTime()))
  const every = everyMs ? `, computed every ${duration(everyMs)}` : ''
  return `As of ${dayAndTime(date)}: ${age} ago${every}.`
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {Metric | undefined} metric
 * @param {{ answer: import('./stream.js').Answer | undefined, age: HTMLElement,
 *   own: readonly HTMLElement[], target: string | undefined }} more `own`: what this metric shows
 *   besides its SQL; `target`: that of commands, if it is not the default
 */
function metricContent(dialog, metric, { answer, age, own, target }) {
  const head = headOf(metric?.title ?? 'This number', dialog)
  if (!metric)
    return [head, make('p', 'The engine does not answer; its SQL can be shown once it is back.')]
  const error = answer?.error ?? metric.error
  const command = `ccs query ${target ? `--target ${target} ` : ''}${quoted(oneLine(metric.sql))}`
  return [
    head,
    age,
    ...(error ? [makeProse('p.trouble', error)] : []),
    ...(answer?.absent ? [make('p.note', answer.absent)] : []),
    ...(metric.note ? [makeProse('p.note', metric.note)] : []),
    ...own,
    ...(own.length > 0 && !target ? [codeBlock('All of it as a command', 'ccs status')] : []),
    codeBlock('SQL', metric.sql.trim()),
    ...(own.length > 0 ? [] : [codeBlock('As a command', command)]),
    rowsTable(answer?.rows ?? []),
  ]
}

/**
 * @param {Snapshot} snapshot
 * @param {HTMLDialogElement} dialog
 */
function healthContent({ health, at }, dialog) {
  const list = make('dl.facts')
  const option = health.job ? ` --target ${health.job.target}` : ''
  for (const [name, value] of healthFacts(health)) list.append(make('dt', name), make('dd', value))
  return [
    headOf('The pipeline', dialog),
    make('p.age', `As of ${dayAndTime(at)}.`),
    ...troubles(health).map((text) => makeProse('p.trouble', text)),
    list,
    codeBlock('As a command', `ccs status${option} && ccs dlq ls${option}`),
  ]
}

/**
 * @param {string} title
 * @param {HTMLDialogElement} dialog
 */
function headOf(title, dialog) {
  const heading = make('h2', title)
  heading.id = 'dialog-title'
  const close = make('button.plain', 'Close')
  close.setAttribute('type', 'button')
  close.addEventListener('click', () => dialog.close())
  return make('header', heading, close)
}

/**
 * @param {string} title
 * @param {string} text
 */
function codeBlock(title, text) {
  const code = make('code', text)
  const copy = make('button.plain', 'Copy')
  copy.setAttribute('type', 'button')
  copy.setAttribute('aria-label', `Copy: ${title}`)
  copy.addEventListener('click', async () => {
    const isCopied = await copyText(text, code)
    copy.textContent = isCopied ? 'Copied' : 'Selected'
    setTimeout(() => write(copy, 'Copy'), 1_500)
  })
  const pre = make('pre', code)
  pre.tabIndex = 0 // can be scrolled by keyboard
  return make('section.code', make('h3', title), copy, pre)
}

/**
 * Only a page from this machine may write to the clipboard; otherwise the text is selected.
 * @param {string} text
 * @param {Node} node
 */
async function copyText(text, node) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    getSelection()?.selectAllChildren(node)
    return false
  }
}

/** @param {readonly Row[]} rows */
function rowsTable(rows) {
  const columns = Object.keys(rows[0] ?? {})
  const head = make('tr', ...columns.map((name) => make('th', name)))
  const body = rows
    .slice(0, ROWS_SHOWN)
    .map((row) => make('tr', ...columns.map((name) => make('td', String(row[name] ?? '')))))
  const summary = make('summary', `Result: ${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`)
  const scroller = make('div.scroller', make('table', make('thead', head), make('tbody', ...body)))
  scroller.tabIndex = 0
  return make('details', summary, scroller)
}

/**
 * One line without comments; strings stay as they are.
 * @param {string} sql
 */
export function oneLine(sql) {
  return sql
    .replace(/'(?:[^']|'')*'|"[^"]*"|--[^\n]*|\/\*[\s\S]*?\*\/|\s+/g, (part) =>
      part.startsWith("'") || part.startsWith('"') ? part : ' ',
    )
    .replace(/^ +| +$|;\s*$/g, '')
    .replace(/'(?:[^']|'')*'|"[^"]*"| {2,}/g, (part) => (part.startsWith(' ') ? ' ' : part))
}

/**
 * Quoted as one argument of a POSIX shell.
 * @param {string} text
 */
export function quoted(text) {
  return `"${text.replace(/[\\"$`]/g, '\\$&')}"`
}
