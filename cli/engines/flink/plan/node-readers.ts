/** Reads the nodes that Flink 2.3 makes of the models: one function for each type of node. */
import { asObject, type JsonObject } from '../../../domain/kernel/json.ts'
import { type PlanNode, readTable } from './compiled-plan.ts'
import {
  findColumn,
  hashOf,
  type InputColumns,
  isTimed,
  markTime,
  readAggregate,
  readColumnNames,
  readConditions,
  readExpression,
} from './expression-meaning.ts'
import { hashRows, type NodeFacts, type NodeMeaning } from './meaning.ts'
import {
  deriveColumn,
  describeCalls,
  describeWindow,
  isArrival,
  listInputs,
  listObjects,
  own,
  readKeys,
} from './node-attributes.ts'

type NodeReader = (node: PlanNode, inputs: readonly NodeMeaning[]) => NodeFacts | undefined

/** By type with its version; undefined from a reader: a form that ccs has not seen run. */
export const NODE_READERS: Readonly<Record<string, NodeReader>> = {
  'stream-exec-table-source-scan_2': readSource,
  'stream-exec-calc_1': withInput(readCalc),
  'stream-exec-exchange_1': withInput(() => ({})),
  'stream-exec-union_1': readUnion,
  'stream-exec-correlate_1': withInput(readCorrelate),
  'stream-exec-over-aggregate_1': withInput(readOver),
  'stream-exec-deduplicate_1': withInput(readDeduplicate),
  'stream-exec-window-table-function_1': withInput(readWindowFunction),
  'stream-exec-group-aggregate_1': withInput(readGroupAggregate),
  'stream-exec-window-aggregate_1': withInput(readWindowAggregate),
  'stream-exec-sink_2': withInput(readSink),
}

function withInput(
  read: (json: JsonObject, input: NodeMeaning, node: PlanNode) => NodeFacts | undefined,
): NodeReader {
  return (node, [input, ...more]) =>
    input === undefined || more.length > 0 ? undefined : read(node.json, input, node)
}

/** Options of a source that change neither its rows nor where Flink goes on in its topic. */
const FREE_OPTIONS = [
  ...['properties.group.id', 'properties.client.', 'properties.sasl.', 'properties.ssl.'],
  ...['properties.security.', 'scan.startup.', 'scan.bounded.', 'value.avro-confluent.'],
]

function readSource(node: PlanNode): NodeFacts | undefined {
  const table = readTable(node)
  const { table: tableJson, abilities } = asObject(node.json.scanTableSource)
  const { columns: schema } = asObject(asObject(asObject(tableJson).resolvedTable).schema)
  if (table === undefined || !Array.isArray(schema)) return undefined
  const kept = Object.entries(table.options).filter(
    ([key]) => !FREE_OPTIONS.some((one) => key.startsWith(one)),
  )
  const others = listObjects(abilities).filter(
    ({ type }) => type !== 'ReadingMetadata' && type !== 'WatermarkPushDown',
  )
  const base = hashOf('source', table.name, Object.fromEntries(kept), others)
  const names = readColumnNames(node.json)
  const definitions = new Map(listObjects(schema).map((one) => [one.name, one] as const))
  const pushed = listObjects(abilities).find(({ type }) => type === 'WatermarkPushDown')
  const times = new Set(listInputs(pushed?.watermarkExpr))
  const columns = names.map((name, index) => {
    const definition = definitions.get(name)
    const isTime = times.has(index) && /^(TIMESTAMP|DATE)/.test(String(definition?.dataType))
    return markTime(hashOf(base, definition ?? name), isTime)
  })
  return {
    rows: { base, conditions: [] },
    columns,
    watermark:
      pushed === undefined
        ? ''
        : readExpression(pushed.watermarkExpr, { meanings: columns, names }),
    state: { parts: { what: base }, words: { what: [`${table.name} (${table.options.topic})`] } },
  }
}

function readSink(json: JsonObject, input: NodeMeaning, node: PlanNode): NodeFacts | undefined {
  const table = readTable(node)
  if (table === undefined || json.requireUpsertMaterialize === true) return undefined
  const { options } = table
  const place = ['connector', 'topic', 'properties.bootstrap.servers'].map((key) => options[key])
  const commits = ['sink.delivery-guarantee', 'sink.transactional-id-prefix']
  const what = hashOf(
    'sink',
    table.name,
    place,
    commits.map((key) => options[key] ?? null),
  )
  return { state: { parts: { what }, words: {} }, columns: input.columns.meanings }
}

function readCalc(json: JsonObject, input: NodeMeaning): NodeFacts | undefined {
  if (!Array.isArray(json.projection)) return undefined
  const { base, conditions } = input.rows
  const added = readConditions(json.condition, input.columns)
  return {
    rows: { base, conditions: [...conditions, ...added] },
    columns: json.projection.map((one) => readExpression(one, input.columns)),
  }
}

function readUnion(node: PlanNode, inputs: readonly NodeMeaning[]): NodeFacts {
  const [first] = inputs
  const columns = (first?.columns.meanings ?? []).map((_, index) =>
    deriveColumn(
      'union',
      inputs.map((one) => findColumn(index, one.columns)),
    ),
  )
  const base = hashOf('union', own(node.json), ...inputs.map(hashRows))
  const watermark = hashOf('union', ...inputs.map((one) => one.watermark))
  return { rows: { base, conditions: [] }, columns, watermark }
}

function readCorrelate(json: JsonObject, input: NodeMeaning): NodeFacts | undefined {
  const { functionCall, condition, joinType, outputType } = json
  if (condition !== null) return undefined
  const call = readExpression(functionCall, input.columns)
  const base = hashOf('correlate', hashRows(input), call, joinType)
  const { fields } = asObject(outputType)
  const given = Array.isArray(fields) ? fields.slice(input.columns.names.length) : []
  return {
    rows: { base, conditions: [] },
    columns: [...input.columns.meanings, ...given.map((_, index) => hashOf(base, index))],
  }
}

/** Its state is what the aggregates hold, without rows, only in the order of arrival. */
function readOver(json: JsonObject, input: NodeMeaning): NodeFacts | undefined {
  const { partition, groups, constants, ...spec } = asObject(json.overSpec)
  const [group, ...more] = listObjects(groups)
  if (group === undefined || more.length > 0 || !Array.isArray(constants)) return undefined
  const { orderBy, aggCalls, ...frame } = group
  const isSoFar =
    frame.isRows === true &&
    asObject(frame.lowerBound).kind === 'UNBOUNDED_PRECEDING' &&
    asObject(frame.upperBound).kind === 'CURRENT_ROW'
  const [order, ...orders] = listObjects(asObject(orderBy).fields)
  if (!isSoFar || orders.length > 0 || !isArrival(order?.index, input)) return undefined
  const columns: InputColumns = {
    meanings: [...input.columns.meanings, ...constants.map((one) => hashOf(one))],
    names: [...input.columns.names, ...constants.map(() => 'a constant')],
  }
  const keys = readKeys(asObject(partition).fields, input.columns)
  const { originalInputFields: _, ...others } = spec
  const { index: __, ...direction } = order ?? {}
  const what = hashOf('over', own(json, 'overSpec'), others, frame, direction)
  const calls = listObjects(aggCalls).map((one) => readAggregate(one, columns))
  const rows = hashRows(input)
  return {
    columns: [
      ...input.columns.meanings,
      ...calls.map((one) => hashOf(what, rows, keys.meaning, one)),
    ],
    state: {
      parts: { what, rows, keys: keys.meaning, aggregates: hashOf(calls) },
      words: { keys: keys.words, aggregates: describeCalls(aggCalls, columns) },
    },
  }
}

/** Its state is which keys there were, and no rows, only for the first row to arrive. */
function readDeduplicate(json: JsonObject, input: NodeMeaning): NodeFacts | undefined {
  if (json.isRowtime !== false || json.keepLastRow !== false) return undefined
  const keys = readKeys(json.uniqueKeys, input.columns)
  const what = hashOf('deduplicate', own(json, 'uniqueKeys'))
  const rows = hashRows(input)
  return {
    rows: { base: hashOf(what, rows, keys.meaning), conditions: [] },
    state: { parts: { what, rows, keys: keys.meaning }, words: { keys: keys.words } },
  }
}

/** Windows of sessions keep whole rows until they end; others keep nothing. */
function readWindowFunction(json: JsonObject, input: NodeMeaning): NodeFacts | undefined {
  const { timeAttributeIndex, window: given, ...windowing } = asObject(json.windowing)
  const { partition_key_indices, ...window } = asObject(given)
  const time = findColumn(timeAttributeIndex, input.columns)
  const keys = readKeys(partition_key_indices ?? [], input.columns)
  const what = hashOf('window function', own(json, 'windowing'), windowing)
  const size = hashOf(window, time)
  const isSession = window.type === 'SessionWindow'
  const rows = hashRows(input)
  const base = hashOf(what, size, keys.meaning, isSession ? [rows, input.watermark] : [])
  const bounds = ['start', 'end', 'time'].map((one) => markTime(hashOf(base, one), isTimed(time)))
  const columns = [...input.columns.meanings, ...bounds]
  const words = describeWindow(window)
  if (window.type === 'TumblingWindow') return { columns, window: words }
  if (!isSession) return undefined
  const held = hashOf(input.columns.meanings)
  const { watermark } = input
  return {
    rows: { base, conditions: [] },
    columns,
    state: {
      parts: { what, rows, keys: keys.meaning, window: size, watermark, columns: held },
      words: { keys: keys.words, window: words, columns: input.columns.names },
    },
  }
}

function readGroupAggregate(json: JsonObject, input: NodeMeaning): NodeFacts {
  const keys = readKeys(json.grouping, input.columns)
  const calls = listObjects(json.aggCalls).map((one) => readAggregate(one, input.columns))
  const what = hashOf('group', own(json, 'grouping', 'aggCalls', 'generateUpdateBefore'))
  const rows = hashRows(input)
  const base = hashOf('group', rows, keys.meaning)
  return {
    rows: { base, conditions: [] },
    columns: [...keys.columns, ...calls.map((one) => deriveColumn(base, [one]))],
    window: [],
    state: {
      parts: { what, rows, keys: keys.meaning, aggregates: hashOf(calls) },
      words: {
        keys: [...input.window, ...keys.words],
        aggregates: describeCalls(json.aggCalls, input.columns),
      },
    },
  }
}

function readWindowAggregate(json: JsonObject, input: NodeMeaning): NodeFacts | undefined {
  const { strategy, windowStart, windowEnd, window: given, ...more } = asObject(json.windowing)
  if (strategy !== 'WindowAttached') return undefined
  const { partition_key_indices, ...window } = asObject(given)
  const keys = readKeys(json.grouping, input.columns)
  const bounds = readKeys([windowStart, windowEnd], input.columns)
  const cut = readKeys(partition_key_indices ?? [], input.columns)
  const size = hashOf(window, bounds.meaning, cut.meaning, more)
  const calls = listObjects(json.aggCalls).map((one) => readAggregate(one, input.columns))
  const properties = listObjects(json.namedWindowProperties).map((one) => one.property)
  const what = hashOf(
    'window aggregate',
    own(json, 'grouping', 'aggCalls', 'windowing', 'namedWindowProperties'),
  )
  const rows = hashRows(input)
  const { watermark } = input
  const base = hashOf(what, rows, keys.meaning, size, watermark)
  return {
    rows: { base, conditions: [] },
    columns: [
      ...keys.columns,
      ...calls.map((one) => deriveColumn(base, [one])),
      ...properties.map((one) => markTime(hashOf(base, one), bounds.columns.every(isTimed))),
    ],
    state: {
      parts: { what, rows, keys: keys.meaning, aggregates: hashOf(calls), window: size, watermark },
      words: {
        keys: keys.words,
        aggregates: describeCalls(json.aggCalls, input.columns),
        window: describeWindow(window),
      },
    },
  }
}
