/**
 * Decides whether records written with one schema can be read with another, by the rules of "Schema
 * Resolution" in the Avro specification 1.12. A break is a place where reading fails; a remark is a
 * place where it succeeds but may change the meaning.
 */
import { isValidDefault } from './default-value.ts'
import { describeType, describeValue } from './describe.ts'
import { canRead, createFinding, type Finding, type RemarkRule } from './finding.ts'
import {
  type EnumType,
  type RecordType,
  type SchemaField,
  type SchemaType,
  shortName,
} from './tree.ts'

/** Findings for reading records of `writer` with `reader`, in the reader's order. */
export function resolveSchemas(reader: SchemaType, writer: SchemaType): readonly Finding[] {
  const memo: Memo = { known: new Map(), assumed: 0 }
  const context = { path: '', readerAt: reader.at, writerAt: writer.at, memo }
  return resolve(reader, writer, context)
}

interface Memo {
  /**
   * Results by reader and writer; 'open' while a pair is being resolved, which counts as readable.
   */
  readonly known: Map<SchemaType, Map<SchemaType, readonly Finding[] | 'open'>>
  /** How often an open pair was assumed to be readable. */
  assumed: number
}

interface Context {
  readonly path: string
  readonly readerAt: number
  readonly writerAt: number
  readonly memo: Memo
}

function resolve(reader: SchemaType, writer: SchemaType, context: Context): readonly Finding[] {
  if (writer.is === 'union') return resolveFromUnion(reader, writer.branches, context)
  if (reader.is === 'union') return resolveIntoUnion(reader.branches, writer, context)
  if (reader.is === 'record' && writer.is === 'record')
    return resolveOnce(reader, writer, context, () => [
      ...checkNames(reader, writer, context),
      ...checkFields(reader, writer, context),
    ])
  if (reader.is === 'enum' && writer.is === 'enum')
    return [...checkNames(reader, writer, context), ...checkSymbols(reader, writer, context)]
  if (reader.is === 'array' && writer.is === 'array')
    return resolve(reader.items, writer.items, { ...context, path: `${context.path}[]` })
  if (reader.is === 'map' && writer.is === 'map')
    return resolve(reader.values, writer.values, { ...context, path: `${context.path}{}` })
  if (reader.is === 'fixed' && writer.is === 'fixed') {
    const isSize = reader.size !== writer.size
    return [
      ...checkNames(reader, writer, context),
      ...(isSize
        ? [createFinding('size', 'a fixed type keeps its size', reader, writer, context)]
        : []),
      ...checkLogicalTypes(reader, writer, context),
    ]
  }
  if (reader.is === writer.is) return checkLogicalTypes(reader, writer, context)
  const promotion = PROMOTIONS[`${writer.is} ${reader.is}`]
  if (promotion === undefined)
    return [createFinding('type', 'Avro has no way from one to the other', reader, writer, context)]
  const [rule, why] = promotion
  return [
    ...(rule === undefined ? [] : [createFinding(rule, why, reader, writer, context)]),
    ...checkLogicalTypes(reader, writer, context),
  ]
}

/** By the types of writer and reader: the remark for a promotion that may lose something. */
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

/**
 * A value may have been written with any branch, so the reader must be able to read each of them.
 */
function resolveFromUnion(
  reader: SchemaType,
  branches: readonly SchemaType[],
  context: Context,
): readonly Finding[] {
  return branches.flatMap((branch) => {
    const findings = resolve(reader, branch, context)
    if (canRead(findings) || reader.is === 'union' || reader.is === branch.is) return findings
    const why = `it may have been written as ${describeType(branch)}`
    return [createFinding('union', why, reader, { is: 'union', branches, at: branch.at }, context)]
  })
}

/**
 * The reader uses its first branch that matches. A branch matches only if all its fields can be
 * read: one that has the right name, but a field that can't be read, is skipped for a later one.
 */
function resolveIntoUnion(
  branches: readonly SchemaType[],
  writer: SchemaType,
  context: Context,
): readonly Finding[] {
  let near: readonly Finding[] | undefined
  for (const branch of branches) {
    const findings = resolve(branch, writer, context)
    if (canRead(findings)) return findings
    if (isIntended(branch, writer)) near ??= findings
  }
  if (near !== undefined) return near
  const union: SchemaType = { is: 'union', branches, at: context.readerAt }
  return [
    createFinding('union', `none of them reads ${describeType(writer)}`, union, writer, context),
  ]
}

/**
 * Whether the branch has the writer's type and name, so that its findings explain the failure best.
 */
function isIntended(branch: SchemaType, writer: SchemaType): boolean {
  if (branch.is !== writer.is) return false
  if (!('name' in branch) || !('name' in writer)) return true
  return shortName(branch.name) === shortName(writer.name) || branch.aliases.includes(writer.name)
}

/**
 * Resolves each pair of records once: ends recursion, and saves time for types that are used often.
 */
function resolveOnce(
  reader: RecordType,
  writer: RecordType,
  context: Context,
  resolvePair: () => readonly Finding[],
): readonly Finding[] {
  const { memo, path } = context
  const of = memo.known.get(reader) ?? new Map<SchemaType, readonly Finding[] | 'open'>()
  memo.known.set(reader, of)
  const known = of.get(writer)
  if (known === 'open') {
    memo.assumed++
    return []
  }
  // All findings are reported at the first place; elsewhere the first break is enough.
  if (known !== undefined) return known.slice(0, 1).map((one) => ({ ...one, path }))
  of.set(writer, 'open')
  const before = memo.assumed
  const findings = resolvePair()
  // A result that relies on a pair that is still open must not be remembered.
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

/** Names match without their namespaces, or if the writer's full name is an alias of the reader. */
function checkNames(reader: NamedType, writer: NamedType, context: Context): readonly Finding[] {
  if (reader.name === writer.name || reader.aliases.includes(writer.name)) return []
  if (shortName(reader.name) !== shortName(writer.name))
    return [
      createFinding('name', 'a type is known by its name or an alias', reader, writer, context),
    ]
  const why =
    'the namespace changed: Avro allows it, but readers that compare full names do not. ' +
    `Add the alias "${writer.name}"`
  return [createFinding('namespace', why, reader, writer, context)]
}

function checkSymbols(reader: EnumType, writer: EnumType, context: Context): readonly Finding[] {
  const missing = writer.symbols.filter((one) => !reader.symbols.includes(one))
  if (missing.length === 0) return []
  const list = `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'}`
  if (reader.default !== undefined)
    return [
      createFinding('symbol default', `${list} read as ${reader.default}`, reader, writer, context),
    ]
  return [createFinding('symbol', `${list} unknown to the reader`, reader, writer, context)]
}

function checkFields(reader: RecordType, writer: RecordType, context: Context): readonly Finding[] {
  return reader.fields.flatMap((field) => {
    const path = context.path === '' ? field.name : `${context.path}.${field.name}`
    const matches = writer.fields.filter(
      (one) => one.name === field.name || field.aliases.includes(one.name),
    )
    const [match, second] = matches
    const here = { ...context, path, readerAt: field.at, writerAt: match?.at ?? writer.at }
    if (match === undefined) return checkMissingField(field, writer, here)
    if (second !== undefined) {
      const names = matches.map((one) => one.name).join(' and ')
      return [
        createFinding('alias', `it could be read from ${names}`, field.type, match.type, here),
      ]
    }
    const places = { ...here, readerAt: field.typeAt, writerAt: match.typeAt }
    return resolve(field.type, match.type, places)
  })
}

function checkMissingField(
  field: SchemaField,
  writer: RecordType,
  context: Context,
): readonly Finding[] {
  const absent: SchemaType = { is: 'null', at: writer.at }
  if (!field.hasDefault) {
    const record = shortName(writer.name)
    const why = `${record} has no such field, and there is no default to read instead`
    return [
      { ...createFinding('no default', why, field.type, absent, context), writer: 'no such field' },
    ]
  }
  if (isValidDefault(field.type, field.default)) return []
  const why = `its default ${describeValue(field.default)} is no ${describeType(field.type)}`
  return [
    { ...createFinding('bad default', why, field.type, absent, context), writer: 'no such field' },
  ]
}

type Logicals = Extract<SchemaType, { logical?: unknown }> | SchemaType

/**
 * Decimals must agree in precision and scale; other changes of a logical type only change the
 * meaning.
 */
function checkLogicalTypes(
  reader: Logicals,
  writer: Logicals,
  context: Context,
): readonly Finding[] {
  const [now, then] = [logicalOf(reader), logicalOf(writer)]
  if (now?.name === 'decimal' && then?.name === 'decimal') {
    if (now.precision === then.precision && now.scale === then.scale) return []
    const why = 'decimals are read by their own precision and scale only'
    return [createFinding('decimal', why, reader, writer, context)]
  }
  if (now?.name === then?.name) return []
  const why = 'the stored value stays as it is and is taken for something else'
  return [createFinding('meaning', why, reader, writer, context)]
}

function logicalOf(type: SchemaType) {
  return 'logical' in type ? type.logical : undefined
}
