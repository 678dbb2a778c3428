/**
 * A metric of the live page: one SELECT over Silver and Gold in sql/live/<id>.sql, whose header
 * says what it shows and how often it is queried. Metrics are not models: nothing is stored, and a
 * broken one costs the page a number, never the pipeline.
 */

import { DocumentReader } from '../documents/document-reader.ts'
import { parseYaml } from '../documents/yaml-document.ts'
import { CcsError } from '../kernel/errors.ts'
import { parseDurationMs } from '../kernel/units.ts'
import { splitModel } from '../models/parse-model.ts'

/** A parsed file of sql/live. */
export interface Metric {
  /** File name without extension; the page refers to the metric by it. */
  readonly id: string
  readonly title: string
  /** How often it is queried while somebody looks. */
  readonly everyMs: number
  /** What a reader of the number has to know; '' if nothing. */
  readonly note: string
  /** Who may see its rows: everybody who reaches the page, or only who has the token. */
  readonly access: 'anyone' | 'token'
  readonly sql: string
  readonly file: string
  /** Line of `file` on which `sql` begins. */
  readonly sqlLine: number
}

/** A file of sql/live that is not a valid metric, and why. */
export interface BrokenMetric {
  readonly id: string
  readonly file: string
  readonly error: CcsError
}

const KEYS = ['kind', 'title', 'every', 'note', 'access']
const EVERY_MS_MIN = 250
const EVERY_MS_MAX = 3_600_000

/** Throws CCS_MODEL_INVALID with all faults of the file, each with its place. */
export function parseMetric(file: string, text: string): Metric {
  const parts = splitModel(file, text)
  const document = parseYaml(parts.header, {
    file,
    firstLine: parts.headerLine,
    code: 'CCS_MODEL_INVALID',
  })
  const reader = new DocumentReader(document, 'CCS_MODEL_INVALID')
  const header = reader.map(document.value, [], 'The header')
  if (header.kind !== 'figure')
    reader.fault(
      ['kind'],
      'What lies in sql/live/ is a figure.',
      'Begin the header with "kind: figure".',
    )
  reader.checkKeys(header, [], 'The header of a figure', KEYS)
  if (typeof header.title !== 'string' || header.title === '')
    reader.fault(['title'], 'A figure needs a title.', 'Add a line such as "title: Orders today".')
  const everyMs = parseDurationMs(String(header.every ?? ''))
  if (everyMs === undefined || everyMs < EVERY_MS_MIN || everyMs > EVERY_MS_MAX)
    reader.fault(
      ['every'],
      'A figure says how often it is asked: from 250 milliseconds to 1 hour.',
      'Add a line such as "every: 5 seconds".',
    )
  const { access = 'token' } = header
  if (access !== 'anyone' && access !== 'token')
    reader.fault(
      ['access'],
      'A figure is for anyone who reaches the page, or only for who has the token.',
      'Write "access: anyone" if its rows are totals, and nothing for single events or people.',
    )
  reader.throwFaults()
  return {
    id: readId(file),
    title: String(header.title),
    everyMs: everyMs ?? EVERY_MS_MIN,
    note: String(header.note ?? ''),
    access: access === 'anyone' ? 'anyone' : 'token',
    sql: parts.sql,
    file,
    sqlLine: parts.sqlLine,
  }
}

/** Parses every file of sql/live; an invalid one becomes a BrokenFigure instead of an error. */
export function parseMetrics(files: readonly { readonly file: string; readonly text: string }[]): {
  readonly metrics: readonly Metric[]
  readonly broken: readonly BrokenMetric[]
} {
  const metrics: Metric[] = []
  const broken: BrokenMetric[] = []
  for (const { file, text } of files) {
    try {
      metrics.push(parseMetric(file, text))
    } catch (error) {
      if (!(error instanceof CcsError)) throw error
      broken.push({ id: readId(file), file, error })
    }
  }
  return { metrics, broken }
}

function readId(file: string): string {
  return (file.split('/').at(-1) ?? file).replace(/\.sql$/, '')
}
