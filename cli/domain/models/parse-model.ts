/** Splits a model file into YAML header, the model's description, and the SELECT as text. */
import { CcsError } from '../kernel/errors.ts'
import type { Layer, Model } from './model.ts'
import { parseHeader } from './model-header.ts'

const LAYERS: readonly Layer[] = ['bronze', 'silver', 'gold']

/**
 * Parses `sql/<layer>/<name>.sql`. Throws one CCS_MODEL_INVALID for the first fault, with the
 * others in `others`, each with its place and line.
 */
export function parseModel(file: string, text: string): Model {
  const name = parsePath(file)
  const parts = splitModel(file, text)
  const fields = parseHeader(file, parts.header, parts.headerLine)
  return {
    name: `${name.layer}.${name.table}`,
    layer: name.layer,
    file,
    text,
    sql: parts.sql,
    sqlLine: parts.sqlLine,
    doc: parts.doc,
    ...fields,
  }
}

function parsePath(file: string): { layer: Layer; table: string } {
  const [folder, base] = file.replaceAll('\\', '/').split('/').slice(-2)
  const layer = LAYERS.find((one) => one === folder)
  const table = base?.endsWith('.sql') ? base.slice(0, -4) : ''
  if (layer === undefined)
    throw invalidError(
      file,
      1,
      '',
      `Models belong in sql/: ${LAYERS.join('/, ')}/, not in '${folder ?? ''}/'.`,
    )
  if (!/^[a-z][a-z0-9_]*$/.test(table))
    throw invalidError(
      file,
      1,
      '',
      `'${base ?? ''}' is not a valid model name: use a-z, 0-9 and _.`,
    )
  return { layer, table }
}

/** The parts of a model file; line numbers count from 1. */
export interface ModelParts {
  readonly header: string
  readonly headerLine: number
  readonly doc: string
  readonly sql: string
  readonly sqlLine: number
}

/** Cuts a file into header, leading `--` comment and SELECT, without blank lines between them. */
export function splitModel(file: string, text: string): ModelParts {
  const example = 'Begin the file with /*, a line such as "kind: stream", and */.'
  const start = text.length - text.replace(/^\uFEFF?\s*/, '').length
  const headerLine = findLine(text, start)
  if (!text.startsWith('/*', start))
    throw invalidError(file, headerLine, text, 'The model has no header.', example)
  const end = text.indexOf('*/', start)
  if (end < 0)
    throw invalidError(file, headerLine, text, 'The header is not closed.', 'End it with */.')

  const rest = text.slice(end + 2)
  const doc: string[] = []
  let line = findLine(text, end)
  const lines = rest.split('\n')
  let index = 0
  for (; index < lines.length; index++) {
    const one = (lines[index] ?? '').trim()
    if (one.startsWith('--')) doc.push(one.slice(2).trim())
    else if (one !== '') break
  }
  line += index
  const sql = lines.slice(index).join('\n').trimEnd().replace(/;$/, '')
  if (sql === '')
    throw invalidError(
      file,
      line,
      text,
      'The model has no SELECT.',
      'Write one SELECT after the header.',
    )
  // A SELECT on the last line of the header keeps its column by leading blanks.
  const sameLine = index === 0 ? ' '.repeat(end + 2 - (text.lastIndexOf('\n', end) + 1)) : ''
  return {
    header: text.slice(start + 2, end),
    headerLine,
    doc: doc.join(' '),
    sql: sameLine + sql,
    sqlLine: line,
  }
}

function findLine(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

function invalidError(
  file: string,
  line: number,
  text: string,
  message: string,
  hint?: string,
): CcsError {
  return new CcsError('CCS_MODEL_INVALID', message, {
    location: { file, line, column: 1, text: text.split('\n')[line - 1] ?? '' },
    hint,
  })
}
