/**
 * Compiles a pair of schemas into steps that write Avro bytes to columns and check the whole
 * contract on the way. It only says whether a record is valid; gate.ts says why not. Safe for any
 * bytes: every position is checked before a word is read or an address is formed.
 */

import {
  type AvroField,
  type AvroNode,
  type RecordNode,
  unwrapOptional,
} from '../../avro/schema.ts'
import { correctEventTimeMs } from '../../events/event-time.ts'
import {
  type RequiredFields,
  readListRules,
  readRequiredFields,
  requireTimeFields,
  valueBounds,
} from '../contract-rules.ts'
import type { Column, ColumnBuffers } from './duckdb-columns.ts'
import { compileLineChecks } from './line-checks.ts'
import { hashOrderId, ORDER_FIELD, ORDER_KIND } from './order-id.ts'
import { readFields } from './read.ts'
import type { SourceBytes } from './source-bytes.ts'
import { DecodeState } from './state.ts'
import { CLOCK_FIELDS, linkSteps, Step, type StepKind } from './step.ts'

/** The last valid record: its event id as four words, its time, and a purchase's order id. */
export class DecodedEvent {
  readonly id = new Int32Array(4)
  /** The order id of a purchase as four words; of other events meaningless. */
  readonly order = new Int32Array(4)
  isOrder = false
  readonly eventMs = new Float64Array(1)
}

/** Reads bytes [at, end) of the source into row `row`; true if the record keeps the contract. */
export type Decoder = (at: number, end: number, row: number) => boolean

/** The schema that records were written with, the newest schema, and where to read and write. */
export interface DecoderOptions {
  readonly writer: RecordNode
  readonly reader: RecordNode
  readonly columns: ColumnBuffers
  readonly source: SourceBytes
  readonly decoded: DecodedEvent
}

/** Undefined if the pair of schemas needs more than steps can do. */
export function compileDecoder(options: DecoderOptions): Decoder | undefined {
  const { reader, columns, source, decoded } = options
  const planner = new Planner()
  const steps = planner.record(options.writer, reader, columns.columns)
  if (planner.isUnsupported || !planner.hasId) return undefined
  const state = new DecodeState(columns, source, decoded.id)
  const needs = compileNeeds(reader, columns.columns)
  const { minimum } = requireTimeFields(reader)
  const kind = columns.columns.find(({ name }) => name === readRequiredFields(reader).kindField)
  const orderSymbol = kind?.symbols.indexOf(ORDER_KIND) ?? -1
  return (at, end, row) => {
    state.begin(end)
    if (readFields(state, steps, at, row) !== end || !hasNeeds(state, needs, row)) return false
    const { times } = state
    const ms = correctEventTimeMs(times[0] ?? 0, times[1] ?? 0, times[2] ?? 0)
    if (ms < minimum) return false
    decoded.eventMs[0] = ms
    decoded.isOrder = state.orderAt >= 0 && state.u8[(kind?.at ?? 0) + row] === orderSymbol
    if (decoded.isOrder)
      hashOrderId(source.bytes.subarray(state.orderAt, state.orderEnd), decoded.order)
    return true
  }
}

/** Which columns records of each kind need: at least one column of each group. */
interface Needs {
  /** Byte position of the values of the kind column. */
  readonly kindAt: number
  readonly groups: readonly (readonly (readonly Column[])[])[]
}

function compileNeeds(reader: RecordNode, columns: readonly Column[]): Needs | undefined {
  const presence = readRequiredFields(reader)
  const kind = columns.find((one) => one.name === presence.kindField)
  if (kind === undefined) return undefined
  const groups = kind.symbols.map((_, symbol) =>
    presence.tests
      .filter(({ kinds }) => ((kinds >> symbol) & 1) !== 0)
      .map(({ bits }) => columns.filter(({ name }) => (fieldBit(presence, name) & bits) !== 0)),
  )
  return { kindAt: kind.at, groups }
}

function fieldBit(presence: RequiredFields, name: string): number {
  return presence.bits.get(name) ?? 0
}

function hasNeeds(state: DecodeState, needs: Needs | undefined, row: number): boolean {
  if (needs === undefined) return true
  const groups = needs.groups[state.u8[needs.kindAt + row] ?? 0] ?? []
  for (const group of groups) {
    let isMet = false
    for (const column of group) isMet ||= isPresent(state, column, row)
    if (!isMet) return false
  }
  return true
}

function isPresent(state: DecodeState, { list, validAt }: Column, row: number): boolean {
  if (list >= 0) return (state.itemsNext[list] ?? 0) > (state.items[list] ?? 0)
  return validAt < 0 || (((state.u8[validAt + (row >> 3)] ?? 0) >> (row & 7)) & 1) !== 0
}

/** Makes the steps for a pair of schemas. */
class Planner {
  isUnsupported = false
  hasId = false

  /** Steps for the writer's fields in their order, then for fields that only the reader has. */
  record(
    writer: RecordNode,
    reader: RecordNode,
    columns: readonly Column[],
    isItem = false,
  ): Step | undefined {
    const written = new Set<AvroField>()
    const reads = writer.fields.map((field) => {
      const index = reader.fields.findIndex(
        (one) => one.name === field.name || one.aliases.includes(field.name),
      )
      const target = reader.fields[index]
      const column = columns[index]
      if (target === undefined || column === undefined) return this.#skip(field.type)
      written.add(target)
      return this.#field(field.type, target, column, isItem)
    })
    const rest = reader.fields.flatMap((field, index) => {
      const column = columns[index]
      return written.has(field) || column === undefined ? [] : [this.#default(field, column)]
    })
    return linkSteps([...reads, ...rest].filter((step) => step !== undefined))
  }

  #field(type: AvroNode, field: AvroField, column: Column, isItem: boolean): Step | undefined {
    const { node, isNullable, nullIndex } = unwrapOptional(type)
    if (isNullable && !column.isNullable) return this.#giveUp()
    const step = this.#value(node, field, column)
    if (step === undefined) return this.#giveUp()
    if (isNullable) step.nullChoice = nullIndex * 2
    if (isItem) return step
    if (step.kind === 'text' && field.name === ORDER_FIELD) step.kind = 'order'
    // The first uuid field of a record is its id.
    if (step.kind === 'uuid' && !this.hasId) this.hasId = step.isId = true
    const time = CLOCK_FIELDS.indexOf(field.name)
    if (time >= 0) step.clock = time
    return step
  }

  /** The step for a field of both schemas; undefined if none fits. */
  #value(node: AvroNode, field: AvroField, column: Column): Step | undefined {
    const wanted = unwrapOptional(field.type).node
    const isWidened = node.kind === 'int' && wanted.kind === 'long'
    if (node.kind !== wanted.kind && !isWidened) return undefined
    switch (node.kind) {
      case 'boolean':
        return new Step('boolean', column)
      case 'int':
      case 'long':
      case 'float':
      case 'double':
        return numberStep(isWidened ? 'widened' : node.kind, field, column)
      case 'string':
        return textStep(textKind(field), field, column)
      case 'bytes':
        return textStep('bytes', field, column)
      case 'enum':
        return enumStep(node.symbols, column)
      case 'array':
        return this.#list(node.items, field, column)
      default:
        return undefined
    }
  }

  #list(items: AvroNode, field: AvroField, column: Column): Step | undefined {
    const wanted = unwrapOptional(field.type).node
    if (items.kind !== 'record' || wanted.kind !== 'array' || wanted.items.kind !== 'record')
      return undefined
    const step = new Step('list', column)
    step.items = this.record(items, wanted.items, column.children, true)
    step.lines = compileLineChecks(readListRules(field), column.children)
    return step
  }

  /** The step for a field that only the reader has. */
  #default({ hasDefault, default: value }: AvroField, column: Column): Step | undefined {
    if (!hasDefault) return this.#giveUp()
    if (value === null) return new Step('none', column)
    if (column.type === 'LIST' && Array.isArray(value) && value.length === 0)
      return new Step('empty', column)
    if (column.type === 'BOOLEAN' && typeof value === 'boolean')
      return constantStep('flag', column, value ? 1 : 0)
    if (typeof value === 'number' && value === (value | 0)) {
      if (column.type === 'BIGINT') return constantStep('pair', column, value)
      if (column.type === 'INTEGER') return constantStep('word', column, value)
    }
    return this.#giveUp()
  }

  /** The step for a field that only the writer has. */
  #skip(type: AvroNode): Step | undefined {
    const { node, isNullable, nullIndex } = unwrapOptional(type)
    const step = skipStep(node)
    if (step === undefined) return this.#giveUp()
    if (isNullable) step.nullChoice = nullIndex * 2
    return step
  }

  #giveUp(): undefined {
    this.isUnsupported = true
  }
}

function numberStep(kind: StepKind, field: AvroField, column: Column): Step {
  const step = new Step(kind, column)
  const { minimum, maximum } = valueBounds(field)
  step.isBounded = minimum !== undefined || maximum !== undefined
  step.minimum = minimum ?? step.minimum
  step.maximum = maximum ?? step.maximum
  step.isMillis = logicalType(field) === 'timestamp-millis'
  return step
}

function textKind(field: AvroField): StepKind {
  if (field.rules.format === 'currency') return 'currency'
  return logicalType(field) === 'uuid' ? 'uuid' : 'text'
}

function textStep(kind: StepKind, { rules }: AvroField, column: Column): Step {
  const step = new Step(kind, column)
  const isUuid = kind === 'uuid'
  step.lengthMin = Math.max(rules.minLength ?? 0, isUuid ? 36 : 0)
  step.lengthMax = Math.min(rules.maxLength ?? step.lengthMax, isUuid ? 36 : step.lengthMax)
  return step
}

/** Undefined if the writer has a symbol that the reader lacks. */
function enumStep(symbols: readonly string[], column: Column): Step | undefined {
  const indexes = symbols.map((symbol) => column.symbols.indexOf(symbol))
  if (indexes.includes(-1)) return undefined
  const step = new Step('enum', column)
  step.symbols = Uint8Array.from(indexes)
  return step
}

function constantStep(kind: StepKind, column: Column, value: number): Step {
  const step = new Step(kind, column)
  step.low = value
  step.high = value >> 31
  return step
}

function skipStep(node: AvroNode): Step | undefined {
  switch (node.kind) {
    case 'boolean':
    case 'int':
    case 'long':
      return new Step(node.kind, undefined)
    case 'string':
      return new Step('text', undefined)
    case 'enum': {
      const step = new Step('enum', undefined)
      step.symbols = new Uint8Array(node.symbols.length)
      return step
    }
    default:
      return undefined
  }
}

function logicalType(field: AvroField): string | undefined {
  const { node } = unwrapOptional(field.type)
  return 'logical' in node ? node.logical : undefined
}
