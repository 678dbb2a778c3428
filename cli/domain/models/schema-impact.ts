/**
 * Finds what uses a field of a topic: models, dbt's marts and dashboards, followed column by
 * column. A SELECT that can't be followed counts as using everything that it names.
 */

import { parseYaml } from '../documents/yaml-document.ts'
import { CcsError } from '../kernel/errors.ts'
import { isObject } from '../kernel/json.ts'
import { RAW_TOPIC } from '../log/topics.ts'
import type { FieldUse, FindUses, TracedTopic } from '../schemas/field-use.ts'
import { topField } from '../schemas/fields.ts'
import { type AstValue, locate, type ParseSql, parseSelect } from '../sql/ast.ts'
import { expandMacros, type MacroSet } from '../sql/expand-macros.ts'
import { parseMacros } from '../sql/parse-macros.ts'
import { traceSelect } from './column-lineage.ts'
import { type ColumnSources, collectSources, type Lineage } from './column-sources.ts'
import { readDbtSql } from './dbt-sql.ts'
import { toModelName } from './model.ts'

interface SourceText {
  readonly file: string
  readonly text: string
}

/** The files that may use a topic's fields. */
export interface Consumers {
  /** sql/<layer>/<model>.sql, and the metrics of the live page in sql/live/. */
  readonly models: readonly SourceText[]
  readonly macros: SourceText
  /** The SQL and YAML files of dbt/models. */
  readonly dbt: readonly SourceText[]
}

interface ConsumerNode {
  readonly kind: FieldUse['kind']
  readonly name: string
  readonly file: string
  readonly sql: string
  /** Tables that its text names; undefined for those that its SELECT reads. */
  readonly named?: readonly string[]
}

interface TracedNode {
  readonly node: ConsumerNode
  readonly lineage: Lineage
  readonly reads: ReadonlyMap<string, number | undefined>
}

/** The table that holds a topic's rows in SQL. */
function findTopicTable(topic: string): string {
  return topic === RAW_TOPIC ? 'raw.events' : topic
}

/** Parses all consumers once; then the uses of any topic's fields can be looked up. */
export async function openSchemaImpact(
  consumers: Consumers,
  parseSql: ParseSql,
): Promise<(topic: TracedTopic) => FindUses> {
  const macros = await parseMacros(consumers.macros.file, consumers.macros.text, parseSql)
  const nodes = [...listModelNodes(consumers.models), ...listMartNodes(consumers.dbt)]
  const parsed = new Map<ConsumerNode, Awaited<ReturnType<typeof parseNode>>>()
  for (const node of nodes) parsed.set(node, await parseNode(node, macros, parseSql))
  const exposures = readExposures(consumers.dbt)
  return (topic) => {
    const traced = trace(topic, nodes, (node) => parsed.get(node))
    const isNamed = (uses: readonly FieldUse[], leaf: string) =>
      nodes.some(
        (node) =>
          uses.some((use) => use.name === node.name) && mentions(node, leaf, parsed.get(node)),
      )
    return (path) => {
      const [top, leaf] = [topField(path).toLowerCase(), /\.(\w+)[[\]{}]*$/.exec(path)?.[1]]
      const uses = findUses(top, traced, exposures)
      // Lineage follows columns, not their parts: a part counts as used where its name occurs.
      return leaf === undefined || isNamed(uses, leaf) ? uses : []
    }
  }
}

function listModelNodes(files: readonly SourceText[]): readonly ConsumerNode[] {
  return files.map(({ file, text }) => {
    const name = toModelName(file)
    return { kind: name.startsWith('live.') ? 'dashboard' : 'model', name, file, sql: text }
  })
}

function listMartNodes(files: readonly SourceText[]): readonly ConsumerNode[] {
  return files
    .filter((one) => one.file.endsWith('.sql'))
    .map(({ file, text }) => {
      const { sql, reads } = readDbtSql(text)
      const short = file.slice(file.lastIndexOf('/') + 1, -'.sql'.length)
      return { kind: 'mart', name: `dbt.${short}`, file, sql, named: reads }
    })
}

async function parseNode(node: ConsumerNode, macros: MacroSet, parseSql: ParseSql) {
  try {
    const ast = await parseSelect({ file: node.file, line: 1, sql: node.sql }, parseSql)
    return expandMacros(ast, macros, () => true)
  } catch (error) {
    // A schema check does not report models that can't be parsed; they count as using everything.
    if (error instanceof CcsError) return undefined
    throw error
  }
}

/** Whether a name occurs anywhere in a SELECT, its macros included. */
function mentions(node: ConsumerNode, name: string, ast: AstValue | undefined): boolean {
  if (ast === undefined) return new RegExp(`\\b${name}\\b`, 'i').test(node.sql)
  return JSON.stringify(ast).toLowerCase().includes(`"${name.toLowerCase()}"`)
}

type ParsedOf = (node: ConsumerNode) => Awaited<ReturnType<typeof parseNode>>

function trace(
  { topic, fields }: TracedTopic,
  nodes: readonly ConsumerNode[],
  parsedOf: ParsedOf,
): readonly TracedNode[] {
  const names = fields.map((name) => name.toLowerCase())
  const base: Lineage = {
    columns: new Map(names.map((name) => [name, new Set([name])])),
    rows: new Set(),
    ownColumns: new Set(names),
  }
  const byName = new Map(nodes.map((one) => [one.name.toLowerCase(), one]))
  const done = new Map<string, TracedNode | 'open'>()
  const lineageOf = (table: string): Lineage | undefined => {
    const name = sourceTable(table, byName)
    if (name === findTopicTable(topic)) return base
    const node = byName.get(name)
    return node === undefined ? undefined : traced(node)?.lineage
  }
  const traced = (node: ConsumerNode): TracedNode | undefined => {
    const known = done.get(node.name)
    if (known !== undefined) return known === 'open' ? undefined : known
    done.set(node.name, 'open')
    const ast = parsedOf(node)
    const one =
      ast === undefined
        ? { node, lineage: guessLineage(node, [...byName.keys()], lineageOf), reads: new Map() }
        : withReads(node, traceSelect(ast, lineageOf))
    done.set(node.name, one)
    return one
  }
  return nodes.flatMap((node) => (node.name === findTopicTable(topic) ? [] : (traced(node) ?? [])))
}

function withReads(node: ConsumerNode, lineage: ReturnType<typeof traceSelect>): TracedNode {
  return { node, lineage, reads: lineage.reads }
}

/** dbt's source('lake', 'orders') is the model of that name, in Silver if there is one there. */
function sourceTable(table: string, byName: ReadonlyMap<string, ConsumerNode>): string {
  if (byName.has(table) || table === 'raw.events') return table
  const short = table.slice(table.indexOf('.') + 1)
  const layers = ['silver', 'gold', 'bronze'].map((layer) => `${layer}.${short}`)
  return layers.find((name) => byName.has(name)) ?? table
}

/** For a text that can't be parsed: any of its columns may come from anything that it names. */
function guessLineage(
  { sql, named }: ConsumerNode,
  known: readonly string[],
  lineageOf: (table: string) => Lineage | undefined,
): Lineage {
  const text = sql.toLowerCase()
  const tables = named ?? ['raw.events', ...known].filter((name) => text.includes(name))
  const rest = new Set<string>()
  for (const table of tables) {
    const lineage = lineageOf(table.toLowerCase())
    for (const one of lineage === undefined ? [] : collectSources(lineage)) rest.add(one)
  }
  return { columns: new Map(), rows: rest, unlisted: rest }
}

interface Exposure {
  readonly name: string
  readonly file: string
  readonly marts: readonly string[]
}

function findUses(
  field: string,
  traced: readonly TracedNode[],
  exposures: readonly Exposure[],
): readonly FieldUse[] {
  const using = traced.filter(({ lineage, reads }) => {
    const sources: ColumnSources = collectSources(lineage)
    return sources.has(field) || reads.has(field)
  })
  const uses = using.map(({ node, reads, lineage }) => {
    const source = { file: node.file, line: 1, sql: node.sql }
    const isSaid =
      reads.has(field) || (lineage.unlisted?.has(field) && mentions(node, field, undefined))
    const at = isSaid ? locate(source, reads.get(field)) : null
    return { kind: node.kind, name: node.name, file: node.file, at }
  })
  const used = new Set(uses.map((one) => one.name))
  const shown = exposures
    .filter((one) => one.marts.some((mart) => used.has(mart)))
    .map(({ name, file }) => ({ kind: 'dashboard' as const, name, file, at: null }))
  const order = ['model', 'mart', 'dashboard']
  return [...uses, ...shown].sort(
    (a, b) =>
      order.indexOf(a.kind) - order.indexOf(b.kind) ||
      Number(a.at === null) - Number(b.at === null) ||
      (a.name < b.name ? -1 : 1),
  )
}

/** dbt's exposures: dashboards and the marts that they show. */
function readExposures(files: readonly SourceText[]): readonly Exposure[] {
  const found: Exposure[] = []
  for (const { file, text } of files) {
    if (!/\.ya?ml$/.test(file) || !/^exposures:/m.test(text)) continue
    const { value } = parseYaml(text, { file, code: 'CCS_CONFIG_INVALID' })
    const list = isObject(value) && Array.isArray(value.exposures) ? value.exposures : []
    for (const one of list) {
      if (!isObject(one)) continue
      const depends = Array.isArray(one.depends_on) ? one.depends_on.join(' ') : ''
      const marts = [...depends.matchAll(/ref\(\s*['"](\w+)['"]/g)].map((ref) => `dbt.${ref[1]}`)
      found.push({ name: String(one.label ?? one.name), file, marts })
    }
  }
  return found
}
