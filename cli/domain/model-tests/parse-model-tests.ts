/** Parses a test file. All faults are reported at once, each with its place and a suggestion. */
import type { RecordNode } from '../avro/schema.ts'
import { DocumentReader, showValue } from '../documents/document-reader.ts'
import { readTimezone } from '../documents/value-readers.ts'
import { parseYaml, type YamlPath } from '../documents/yaml-document.ts'
import { REASONS, type Reason } from '../events/contracts.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import type { JsonObject } from '../kernel/json.ts'
import type {
  CaseExpectation,
  ModelTestCase,
  ModelTestFile,
  RawRow,
  TableExpectation,
} from './model-test.ts'
import { readTime } from './read-time.ts'
import { Timeline } from './timeline.ts'

/** What test files are checked against. */
export interface TestContext {
  /** The contract of events.raw. */
  readonly contract: RecordNode
  /** How far the watermark stays behind the newest event, ms. */
  readonly watermarkDelayMs: number
  /** Model → its columns. */
  readonly models: ReadonlyMap<string, readonly string[]>
}

const TABLE_KEYS = ['rows', 'contains', 'count', 'none']
const EXPECT_KEYS = [...TABLE_KEYS, 'dlq', 'duplicates', 'late', 'also']

/** `sql/silver/events.test.yml` → `silver.events` */
export function modelForFile(file: string): string {
  const [layer = '', base = ''] = file.split('/').slice(-2)
  return `${layer}.${base.replace(/\.test\.yml$/, '')}`
}

/** Throws CCS_TEST_INVALID with all faults of the file. */
export function parseModelTests(file: string, text: string, context: TestContext): ModelTestFile {
  const document = parseYaml(text, { file, code: 'CCS_TEST_INVALID' })
  const reader = new DocumentReader(document, 'CCS_TEST_INVALID')
  const model = modelForFile(file)
  const names = [...context.models.keys()]
  if (!context.models.has(model))
    reader.fault([], `There is no model ${model} to test.`, () => didYouMean(model, names))
  const root = reader.map(document.value, [], 'A test file', ['date', 'timezone', 'cases'])
  const date = readDate(reader, root, [])
  const timezone = readZone(reader, root)
  const cases: ModelTestCase[] = []
  const caseNames = new Set<string>()
  for (const [index, value] of reader.list(root.cases ?? [], ['cases'], 'cases').entries()) {
    const path = ['cases', index]
    const one = new CaseParser(reader, context, { file, model, date, timezone }).parse(value, path)
    if (caseNames.has(one.name))
      reader.fault([...path, 'name'], `Another case is also called ${showValue(one.name)}.`)
    caseNames.add(one.name)
    cases.push(one)
  }
  if (cases.length === 0 && reader.faultCount === 0) reader.fault([], 'The file has no cases.')
  reader.throwFaults()
  return { model, file, cases }
}

function readDate(reader: DocumentReader, map: JsonObject, path: YamlPath): string | undefined {
  if (map.date === undefined) return undefined
  const date = String(map.date)
  if (/^\d{4}-\d\d-\d\d$/.test(date)) return date
  reader.fault([...path, 'date'], `${showValue(map.date)} is not a date.`, 'Write 2026-03-01.')
  return undefined
}

function readZone(reader: DocumentReader, map: JsonObject): string | undefined {
  if (map.timezone === undefined) return undefined
  return reader.value(map.timezone, ['timezone'], readTimezone)
}

interface TestedFile {
  readonly file: string
  readonly model: string
  readonly date: string | undefined
  readonly timezone: string | undefined
}

class CaseParser {
  readonly #reader: DocumentReader
  readonly #context: TestContext
  readonly #testedFile: TestedFile

  constructor(reader: DocumentReader, context: TestContext, of: TestedFile) {
    this.#reader = reader
    this.#context = context
    this.#testedFile = of
  }

  parse(value: unknown, path: YamlPath): ModelTestCase {
    const reader = this.#reader
    const { file, model } = this.#testedFile
    const map = reader.map(value, path, 'A case', ['name', 'date', 'steps', 'now', 'expect'])
    const name = typeof map.name === 'string' ? map.name : ''
    if (name === '') reader.fault(path, 'A case needs a name.', 'Describe what must hold.')
    const date = readDate(reader, map, path) ?? this.#testedFile.date
    const { contract, watermarkDelayMs } = this.#context
    const seed = `${model}|${name}`
    const timeline = new Timeline({ reader, contract, date, seed, watermarkDelayMs })
    const steps = [...path, 'steps']
    for (const [index, step] of reader.list(map.steps ?? [], steps, 'steps').entries())
      timeline.readStep(step, [...steps, index])
    const now =
      map.now === undefined ? undefined : readTime(reader, map.now, [...path, 'now'], date)
    return {
      model,
      name,
      file,
      line: reader.line(path),
      actions: timeline.actions,
      accepted: timeline.accepted,
      nowMs: now ?? timeline.clockMs ?? 0,
      timezone: this.#testedFile.timezone,
      date,
      labels: timeline.labels,
      expect: this.#expect(map.expect, [...path, 'expect']),
    }
  }

  #expect(value: unknown, path: YamlPath): CaseExpectation {
    const reader = this.#reader
    const what = 'expect'
    const map = reader.map(value ?? null, path, what, EXPECT_KEYS)
    const own = this.#table(this.#testedFile.model, map, path)
    const also = map.also === undefined ? {} : reader.map(map.also, [...path, 'also'], 'also')
    const others = Object.entries(also).flatMap(([model, table]) => {
      const here = [...path, 'also', model]
      if (!this.#context.models.has(model)) {
        const names = () => [...this.#context.models.keys()]
        reader.fault(here, `There is no model ${model}.`, () => didYouMean(model, names()), 'key')
        return []
      }
      const expectation = this.#table(model, reader.map(table, here, model, TABLE_KEYS), here)
      return expectation === undefined ? [] : [expectation]
    })
    const tables = own === undefined ? others : [own, ...others]
    const duplicates = reader.count(map.duplicates, [...path, 'duplicates'], 'duplicates')
    const late = reader.count(map.late, [...path, 'late'], 'late')
    const dlq = map.dlq === undefined ? undefined : this.#reasons(map.dlq, [...path, 'dlq'])
    if (tables.length === 0 && [duplicates, late, dlq].every((one) => one === undefined))
      reader.fault(path, 'The case expects nothing.', `Use one of ${EXPECT_KEYS.join(', ')}.`)
    return { tables, dlq, duplicates, late }
  }

  #table(model: string, map: JsonObject, path: YamlPath): TableExpectation | undefined {
    const reader = this.#reader
    if (!TABLE_KEYS.some((key) => key in map)) return undefined
    if ('none' in map && map.none !== true)
      reader.fault([...path, 'none'], '"none" must be true or left out.')
    for (const key of ['rows', 'contains', 'count'])
      if ('none' in map && key in map)
        reader.fault([...path, key], `"none" and "${key}" contradict each other.`, undefined, 'key')
    const rows = 'rows' in map ? this.#rows(model, map.rows, [...path, 'rows']) : undefined
    const contains = 'contains' in map ? this.#rows(model, map.contains, [...path, 'contains']) : []
    const count = reader.count(map.count, [...path, 'count'], 'count')
    return { model, rows: 'none' in map ? [] : rows, contains, count }
  }

  #rows(model: string, value: unknown, path: YamlPath): readonly RawRow[] {
    const reader = this.#reader
    const columns = this.#context.models.get(model)
    return reader.list(value, path, 'Expected rows').map((row, index) => {
      const here = [...path, index]
      const map = reader.map(row, here, 'A row')
      for (const column of columns === undefined ? [] : Object.keys(map))
        if (!columns?.includes(column))
          reader.fault(
            [...here, column],
            `${model} has no column "${column}".`,
            () => didYouMean(column, columns ?? []),
            'key',
          )
      return map
    })
  }

  #reasons(value: unknown, path: YamlPath): readonly Reason[] {
    const reader = this.#reader
    return reader.list(value, path, 'dlq').flatMap((given, index) => {
      const reason = REASONS.find((one) => one === given)
      if (reason !== undefined) return [reason]
      reader.fault([...path, index], `${showValue(given)} is not a reason.`, () =>
        didYouMean(String(given), REASONS),
      )
      return []
    })
  }
}
