/**
 * Reads dbt's log as `--log-format json` writes it: one object per line. Only progress and the
 * errors that dbt reports before any node ran matter; other lines are ignored.
 */
import { asObject, parseJson } from '../kernel/json.ts'

/** What one line of dbt's log says: progress, an error, or dbt's version. */
export type DbtLine =
  | { readonly kind: 'node'; readonly name: string; readonly done: number; readonly total: number }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'version'; readonly version: string }

/** Events that end a node: models, tests, seeds, snapshots, unit tests, freshness. */
const RESULT = /^Log(Model|Test|Seed|Snapshot|NodeNoOp|Freshness|Function|UnitTest|Batch)?Result$/

/** undefined for a line without news, and for text that isn't JSON. */
export function readDbtLine(line: string): DbtLine | undefined {
  if (!line.startsWith('{')) return undefined
  // Of a line that was cut off, and of other output, there is none.
  const { info, data } = asObject(parseJson(line))
  const { name, level, msg } = asObject(info)
  const fields = asObject(data)
  if (typeof name !== 'string') return undefined
  if (name === 'MainReportVersion') {
    const version = /\d+\.\d+\.\d+\w*/.exec(String(fields.version))?.[0]
    return version === undefined ? undefined : { kind: 'version', version }
  }
  const total = fields.total ?? fields.num_models
  if ((RESULT.test(name) || name === 'SkippingDetails') && typeof fields.index === 'number') {
    const node = asObject(fields.node_info).node_name
    return {
      kind: 'node',
      name: typeof node === 'string' ? node : '',
      done: fields.index,
      total: typeof total === 'number' ? total : fields.index,
    }
  }
  return level === 'error' && typeof msg === 'string' && msg.trim() !== ''
    ? { kind: 'error', text: msg.trim() }
    : undefined
}

/** dbt's messages as one sentence: the first that says something, with the file it is about. */
export function errorSentence(texts: readonly string[]): string {
  const lines = texts
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with one
    .flatMap((text) => text.replace(/\u001B\[[\d;]*m/g, '').split('\n'))
    .map((line) => line.replace(/^\d\d:\d\d:\d\d\s+/, '').trim())
    .map((line) => line.replace(/^Error: /, ''))
    .filter((line) => line !== '' && !EMPTY_WORDS.test(line) && !ERROR_HEADING.test(line))
  const file = lines.map((line) => /^Error encountered in (.+)$/.exec(line)?.[1]).find(Boolean)
  const first = lines[0]
  if (first === undefined) return 'it ended without a message.'
  const text = file === undefined ? first : `${file}: ${first}`
  return /[.!?]$/.test(text) ? text : `${text}.`
}

const EMPTY_WORDS =
  /^(Running with dbt=.*|Registered adapter.*|Encountered an error:?|Error:|Usage: .*|Try '.*)$/
/** Only names the kind of the error, which the next line explains. */
const ERROR_HEADING = /^[A-Z]\w+ (Error|Exception)$/
