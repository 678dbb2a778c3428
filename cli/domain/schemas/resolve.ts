/**
 * Whether what was written by one schema can be read by another: the rules of "Schema Resolution" in the
 * Avro specification 1.12, with a reason for each place where it can't. Remarks are for what can be read but
 * then means something else.
 */
import { isValidDefault } from './default-value.ts'
import { describeType, describeValue } from './describe.ts'
import type { RemarkRule, ResolutionFinding } from './resolution-finding.ts'
import {
  type EnumType,
  type RecordType,
  type SchemaField,
  type SchemaType,
  shortName,
} from './tree.ts'

/** Findings for a reader of what `writer` wrote; it can be read when none of them is a break. */
export function resolveSchemas(
  reader: SchemaType,
  writer: SchemaType,
): readonly ResolutionFinding[] {
  const memo: Memo = { known: new Map(), assumed: 0 }
  const context = { path: '', readerAt: reader.at, writerAt: writer.at, memo }
  return resolve(reader, writer, context)
}

export function canRead(findings: readonly ResolutionFinding[]): boolean {
  return !findings.some((one) => one.isBreak)
}

interface Memo {
  /** By reader and writer of named types; 'open' while being looked at, which stands for "can be read". */
  readonly known: Map<SchemaType, Map<SchemaType, readonly ResolutionFinding[] | 'open'>>
  /** How often an open pair was taken for granted. */
  assumed: number
}

interface Context {
  readonly path: string
  readonly readerAt: number
  readonly writerAt: number
  readonly memo: Memo
}

function resolve(
  reader: SchemaType,
  writer: SchemaType,
  context: Context,
): readonly ResolutionFinding[] {
  if (writer.is === 'union') return fromUnion(reader, writer.branches, context)
  if (reader.is === 'union') return intoUnion(reader.branches, writer, context)
  if (reader.is === 'record' && writer.is === 'record')
    return remembered(reader, writer, context, () => [
      ...nameFindings(reader, writer, context),
      ...fieldFindings(reader, writer, context),
    ])
  if (reader.is === 'enum' && writer.is === 'enum')
    return [...nameFindings(reader, writer, context), ...symbolFindings(reader, writer, context)]
  if (reader.is === 'array' && writer.is === 'array')
    return resolve(reader.items, writer.items, { ...context, path: `${context.path}[]` })
  if (reader.is === 'map' && writer.is === 'map')
    return resolve(reader.values, writer.values, { ...context, path: `${context.path}{}` })
  if (reader.is === 'fixed' && writer.is === 'fixed') {
    const isSize = reader.size !== writer.size
    return [
      ...nameFindings(reader, writer, context),
      ...(isSize ? [found('size', 'a fixed type keeps its size', reader, writer, context)] : []),
      ...logicalFindings(reader, writer, context),
    ]
  }
  if (reader.is === writer.is) return logicalFindings(reader, writer, context)
  const promotion = PROMOTIONS[`${writer.is} ${reader.is}`]
  if (promotion === undefined)
    return [found('type', 'Avro has no way from one to the other', reader, writer, context)]
  const [rule, why] = promotion
  return [
    ...(rule === undefined ? [] : [found(rule, why, reader, writer, context)]),
    ...logicalFindings(reader, writer, context),
  ]
}

/** Writer and reader → what is lost on the way, if anything. */
const PROMOTIONS: Readonly<Record<string, readonly [RemarkRule, string] | readonly [undefined]>> = {
  'int long': [undefined],
  'int float': ['precision', 'beyond 16,777,216 a float does not hold every whole number'],
  'int double': [undefined],
  'long float': ['precision', 'beyond 16,777,216 a float does not hold every whole number'],
  'long double': ['precision', 'beyond 2^53 a double does not hold every whole number'],
  'float double': [undefined],
  'string bytes': [undefined],
  'bytes string': ['text', 'bytes that are not UTF-8 make no text'],
}

/** Whatever branch a record was written with, it must be readable. */
function fromUnion(
  reader: SchemaType,
  branches: readonly SchemaType[],
  context: Context,
): readonly ResolutionFinding[] {
  return branches.flatMap((branch) => {
    const findings = resolve(reader, branch, context)
    if (canRead(findings) || reader.is === 'union' || reader.is === branch.is) return findings
    const why = `it may have been written as ${describeType(branch)}`
    return [found('union', why, reader, { is: 'union', branches, at: branch.at }, context)]
  })
}

/**
 * The reader's first branch that matches. "Matches" is taken to its depth: a branch of the right name with a
 * field that can't be read gives way to a later one that can.
 */
function intoUnion(
  branches: readonly SchemaType[],
  writer: SchemaType,
  context: Context,
): readonly ResolutionFinding[] {
  let near: readonly ResolutionFinding[] | undefined
  for (const branch of branches) {
    const findings = resolve(branch, writer, context)
    if (canRead(findings)) return findings
    if (isMeant(branch, writer)) near ??= findings
  }
  if (near !== undefined) return near
  const union: SchemaType = { is: 'union', branches, at: context.readerAt }
  return [found('union', `none of them reads ${describeType(writer)}`, union, writer, context)]
}

/** Whether a branch is the one that the writer's type was to be read by, though it can't be. */
function isMeant(branch: SchemaType, writer: SchemaType): boolean {
  if (branch.is !== writer.is) return false
  if (!('name' in branch) || !('name' in writer)) return true
  return shortName(branch.name) === shortName(writer.name) || branch.aliases.includes(writer.name)
}

/** Types that contain themselves end here, and types that are used often are looked at once. */
function remembered(
  reader: RecordType,
  writer: RecordType,
  context: Context,
  look: () => readonly ResolutionFinding[],
): readonly ResolutionFinding[] {
  const { memo, path } = context
  const of = memo.known.get(reader) ?? new Map<SchemaType, readonly ResolutionFinding[] | 'open'>()
  memo.known.set(reader, of)
  const known = of.get(writer)
  if (known === 'open') {
    memo.assumed++
    return []
  }
  // What was found is told where it was found first; elsewhere that it can't be read is enough.
  if (known !== undefined) return known.slice(0, 1).map((one) => ({ ...one, path }))
  of.set(writer, 'open')
  const before = memo.assumed
  const findings = look()
  // "It can be read" may rest on a pair that is still open; then it is not kept.
  if (!canRead(findings))
    of.set(
      writer,
      findings.filter((one) => one.isBreak),
    )
  else if (memo.assumed === before) of.set(writer, [])
  else of.delete(writer)
  return findings
}

type NamedType = Extract<SchemaType, { name: string }>

/** Names match without their namespaces, or by a full alias of the reader's. */
function nameFindings(
  reader: NamedType,
  writer: NamedType,
  context: Context,
): readonly ResolutionFinding[] {
  if (reader.name === writer.name || reader.aliases.includes(writer.name)) return []
  if (shortName(reader.name) !== shortName(writer.name))
    return [found('name', 'a type is known by its name or an alias', reader, writer, context)]
  const why = `the namespace changed: Avro allows it, but readers that compare full names do not. Add the alias "${writer.name}"`
  return [found('namespace', why, reader, writer, context)]
}

function symbolFindings(
  reader: EnumType,
  writer: EnumType,
  context: Context,
): readonly ResolutionFinding[] {
  const missing = writer.symbols.filter((one) => !reader.symbols.includes(one))
  if (missing.length === 0) return []
  const list = `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'}`
  if (reader.default !== undefined)
    return [found('symbol default', `${list} read as ${reader.default}`, reader, writer, context)]
  return [found('symbol', `${list} unknown to the reader`, reader, writer, context)]
}

function fieldFindings(
  reader: RecordType,
  writer: RecordType,
  context: Context,
): readonly ResolutionFinding[] {
  return reader.fields.flatMap((field) => {
    const path = context.path === '' ? field.name : `${context.path}.${field.name}`
    const matches = writer.fields.filter(
      (one) => one.name === field.name || field.aliases.includes(one.name),
    )
    const [match, second] = matches
    const here = { ...context, path, readerAt: field.at, writerAt: match?.at ?? writer.at }
    if (match === undefined) return missingFindings(field, writer, here)
    if (second !== undefined) {
      const names = matches.map((one) => one.name).join(' and ')
      return [found('alias', `it could be read from ${names}`, field.type, match.type, here)]
    }
    const places = { ...here, readerAt: field.typeAt, writerAt: match.typeAt }
    return resolve(field.type, match.type, places)
  })
}

function missingFindings(
  field: SchemaField,
  writer: RecordType,
  context: Context,
): readonly ResolutionFinding[] {
  const absent: SchemaType = { is: 'null', at: writer.at }
  if (!field.hasDefault) {
    const why = `${shortName(writer.name)} has no such field, and there is no default to read instead`
    return [{ ...found('no default', why, field.type, absent, context), writer: 'no such field' }]
  }
  if (isValidDefault(field.type, field.default)) return []
  const why = `its default ${describeValue(field.default)} is no ${describeType(field.type)}`
  return [{ ...found('bad default', why, field.type, absent, context), writer: 'no such field' }]
}

type Logicals = Extract<SchemaType, { logical?: unknown }> | SchemaType

/** Decimals must agree in precision and scale; any other change of a logical type only changes the meaning. */
function logicalFindings(
  reader: Logicals,
  writer: Logicals,
  context: Context,
): readonly ResolutionFinding[] {
  const [now, then] = [logicalOf(reader), logicalOf(writer)]
  if (now?.name === 'decimal' && then?.name === 'decimal') {
    if (now.precision === then.precision && now.scale === then.scale) return []
    const why = 'decimals are read by their own precision and scale only'
    return [found('decimal', why, reader, writer, context)]
  }
  if (now?.name === then?.name) return []
  const why = 'the stored value stays as it is and is taken for something else'
  return [found('meaning', why, reader, writer, context)]
}

function logicalOf(type: SchemaType) {
  return 'logical' in type ? type.logical : undefined
}

const REMARKS: readonly string[] = [
  'meaning',
  'precision',
  'text',
  'namespace',
  'symbol default',
] satisfies readonly RemarkRule[]

function found(
  rule: ResolutionFinding['rule'],
  why: string,
  reader: SchemaType,
  writer: SchemaType,
  { path, readerAt, writerAt }: Context,
): ResolutionFinding {
  const [to, from] = [describeType(reader), describeType(writer)]
  const isBreak = !REMARKS.includes(rule)
  const what = path === '' ? 'The record' : `Field ${path}`
  const head =
    rule === 'no default' || rule === 'bad default'
      ? `${what} is new`
      : to === from
        ? what
        : `${what}: written as ${from}, read as ${to}`
  return {
    rule,
    isBreak,
    path,
    message: `${head}: ${why}.`,
    reader: to,
    writer: from,
    readerAt,
    writerAt,
  }
}
