/**
 * The outcome of a dbt run, from run_results.json and the names in manifest.json: how many nodes
 * passed, and for each that did not: what it is, where it lies, dbt's message, what to do next.
 */
import { asObject } from '../kernel/json.ts'

/** Nodes by outcome. */
export interface DbtCounts {
  readonly passed: number
  readonly warned: number
  readonly failed: number
  readonly skipped: number
}

/** A node that failed or warned. */
export interface DbtFailure {
  readonly kind: 'model' | 'test' | 'unit test' | 'seed' | 'node'
  readonly name: string
  /** Below the project's folder; for a test `compiled` is the file of its compiled SELECT. */
  readonly file: string | null
  readonly compiled: string | null
  /** One sentence in plain words. */
  readonly message: string
  /** dbt's whole message. */
  readonly detail: string
  readonly next: string
}

/** All nodes of one run. */
export interface DbtOutcome {
  readonly counts: DbtCounts
  readonly failures: readonly DbtFailure[]
  readonly warnings: readonly DbtFailure[]
  /** Time spent in the nodes themselves. */
  readonly seconds: number
}

type Fields = Readonly<Record<string, unknown>>

/** Takes both files parsed; a node that is missing in the manifest is named by its id. */
export function readOutcome(results: unknown, manifest: unknown): DbtOutcome {
  const counts = { passed: 0, warned: 0, failed: 0, skipped: 0 }
  const failures: DbtFailure[] = []
  const warnings: DbtFailure[] = []
  const list = asObject(results).results
  for (const result of Array.isArray(list) ? list.map(asObject) : []) {
    const status = String(result.status)
    if (status === 'skipped') counts.skipped++
    else if (status === 'warn') {
      counts.warned++
      warnings.push(describe(result, manifest))
    } else if (FAILED.includes(status)) {
      counts.failed++
      failures.push(describe(result, manifest))
    } else counts.passed++
  }
  const seconds = Number(asObject(results).elapsed_time)
  return { counts, failures, warnings, seconds: Number.isFinite(seconds) ? seconds : 0 }
}

const FAILED = ['error', 'fail', 'runtime error', 'partial success']

function describe(result: Fields, manifest: unknown): DbtFailure {
  const id = text(result.unique_id)
  const { nodes, unit_tests: unitTests } = asObject(manifest)
  const node = asObject(asObject(nodes)[id] ?? asObject(unitTests)[id])
  const kind = readKind(id)
  const name = text(node.name) || readName(id)
  const path = text(node.original_file_path)
  const compiled = text(result.compiled_path) || text(node.compiled_path) || null
  const detail = text(result.message).trim()
  const found = Number(result.failures)
  return {
    kind,
    name,
    file: path === '' ? null : `dbt/${path.replaceAll('\\', '/')}`,
    compiled: kind === 'test' ? compiled : null,
    message: describeFailure(kind, name, {
      about: describeTest(node),
      detail,
      found: kind === 'test' && text(result.status) !== 'error' ? found : undefined,
    }),
    detail,
    next: suggestNext(kind, name),
  }
}

function readKind(id: string): DbtFailure['kind'] {
  const type = id.split('.')[0]
  if (type === 'model' || type === 'test' || type === 'seed') return type
  return type === 'unit_test' ? 'unit test' : 'node'
}

/** `model.shop.fct_orders` → fct_orders; the id of a generic test ends in a hash. */
function readName(id: string): string {
  const parts = id.split('.')
  return (parts[0] === 'test' ? parts[2] : parts.at(-1)) ?? id
}

/** What a generic test checks: `fct_orders.order_id must be unique`. */
function describeTest(node: Fields): string | undefined {
  const test = asObject(node.test_metadata)
  const attached = text(node.attached_node).split('.').at(-1)
  const column = text(node.column_name)
  if (attached === undefined || attached === '') return undefined
  const where = column === '' ? attached : `${attached}.${column}`
  const rule = RULES[text(test.name)]
  return rule === undefined ? `on ${where}` : `${where} ${rule}`
}

const RULES: Readonly<Record<string, string>> = {
  unique: 'must be unique',
  not_null: 'must not be empty',
  accepted_values: 'has values that are not allowed',
  relationships: 'points to rows that do not exist',
}

function describeFailure(
  kind: DbtFailure['kind'],
  name: string,
  more: { about: string | undefined; detail: string; found: number | undefined },
): string {
  const about = more.about === undefined ? '' : ` (${more.about})`
  if (more.found !== undefined && Number.isFinite(more.found)) {
    const rows = more.found === 1 ? '1 row' : `${more.found} rows`
    return `The test ${name} found ${rows}${about}.`
  }
  const reason = findReason(more.detail)
  return `The ${kind} ${name} failed${about}${reason === '' ? '.' : `: ${reason}`}`
}

/** The first line that says something: dbt puts "Runtime Error in model x (path)" above it. */
function findReason(detail: string): string {
  const lines = detail
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[A-Z]\w+ Error in /.test(line))
  const first = (lines[0] ?? '').slice(0, 300)
  return first === '' || /[.!?:]$/.test(first) ? first.replace(/:$/, '.') : `${first}.`
}

function suggestNext(kind: DbtFailure['kind'], name: string): string {
  if (kind === 'test') return `Look at the rows that it finds, then: ccs dbt test --select ${name}`
  if (kind === 'unit test')
    return `Fix the model or the expected rows, then: ccs dbt build --select ${name}`
  return `Fix it, then: ccs dbt build --select ${name}`
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
