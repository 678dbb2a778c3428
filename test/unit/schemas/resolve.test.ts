/**
 * Golden pairs of reader and writer: what the Avro specification says about each. They are compared
 * with avsc, with data for those that can be read.
 */
import avro, { type Schema as AvscSchema } from 'avsc'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canRead } from '../../../cli/domain/schemas/finding.ts'
import { resolveSchemas } from '../../../cli/domain/schemas/resolve.ts'
import { parseSchema } from '../../../cli/domain/schemas/tree.ts'
import { OTHER_PAIRS } from '../../fixtures/schema-pairs/others.ts'
import { field, type Pair, record } from '../../fixtures/schema-pairs/pair.ts'
import { PRIMITIVE_PAIRS } from '../../fixtures/schema-pairs/primitives.ts'
import { RECORD_PAIRS } from '../../fixtures/schema-pairs/records.ts'

const PAIRS = [...PRIMITIVE_PAIRS, ...RECORD_PAIRS, ...OTHER_PAIRS]
const VALUES = 20

function findingsOf(pair: Pair) {
  const [reader, writer] = [pair.reader, pair.writer].map((one, index) =>
    parseSchema({ file: `${index}.avsc`, text: JSON.stringify(one) }),
  )
  if (!reader || !writer) throw new Error('two schemas go in')
  return resolveSchemas(reader.type, writer.type)
}

function avscTypes(pair: Pair) {
  // The fixtures are Avro schemas; avsc throws if one is not.
  const [reader, writer] = [pair.reader, pair.writer].map((one) =>
    avro.Type.forSchema(one as AvscSchema, { wrapUnions: true, registry: {} }),
  )
  if (!reader || !writer) throw new Error('two schemas go in')
  return { reader, writer }
}

function avscResolver({ reader, writer }: ReturnType<typeof avscTypes>) {
  try {
    return reader.createResolver(writer)
  } catch {
    return undefined
  }
}

test.each(PAIRS)('$name', (pair) => {
  const findings = findingsOf(pair)
  const label = (isBreak: boolean) =>
    findings.filter((one) => one.isBreak === isBreak).map((one) => `${one.rule} @ ${one.path}`)
  expect(label(true)).toEqual(pair.breaks)
  if (pair.breaks.length === 0) expect(label(false)).toEqual(pair.remarks)
  expect(canRead(findings)).toBe(pair.breaks.length === 0)
  const isReadByAvsc = avscResolver(avscTypes(pair)) !== undefined
  expect(isReadByAvsc === canRead(findings), pair.avscDiffers).toBe(pair.avscDiffers === undefined)
})

test('avsc reads what it wrote with the other schema if there is no break', () => {
  let values = 0
  for (const pair of PAIRS.filter((one) => one.breaks.length === 0 && !one.avscDiffers)) {
    const types = avscTypes(pair)
    for (let round = 0; round < VALUES; round++) {
      const bytes = types.writer.toBuffer(pair.value ?? types.writer.random())
      const value: unknown = types.reader.fromBuffer(bytes, avscResolver(types))
      expect(types.reader.isValid(value), `${pair.name}: ${bytes.toString('hex')}`).toBe(true)
      values++
    }
  }
  expect(values).toBeGreaterThan(1_000)
})

test('the pairs have unique names, and avsc disagrees about few of them', () => {
  const names = [PRIMITIVE_PAIRS, RECORD_PAIRS, OTHER_PAIRS].flatMap((list) =>
    list.map((one) => one.name),
  )
  expect(new Set(names).size).toBe(names.length)
  expect(names.length).toBeGreaterThanOrEqual(120)
  expect(PAIRS.filter((one) => one.avscDiffers).length).toBe(7)
})

const BRANCHES = ['null', 'int', 'double', 'string', 'array', 'record', 'enum'] as const

/** Random schemas with few names, so that two of them often nearly match. */
function anySchema(path: string, depth: number): fc.Arbitrary<unknown> {
  const leaf = fc.constantFrom('null', 'int', 'long', 'double', 'bytes', 'string')
  const symbols = fc.subarray(['x', 'y', 'z'], { minLength: 1 })
  const enumeration = symbols.chain((list) =>
    fc.constantFrom({}, {}, { default: list[0] }).map((more) => ({
      type: 'enum',
      name: `E${path}`,
      symbols: list,
      ...more,
    })),
  )
  const fixed = fc.constantFrom(2, 4).map((size) => ({ type: 'fixed', name: `F${path}`, size }))
  if (depth === 0) return fc.oneof(leaf, enumeration, fixed)
  const inner = (name: string) => anySchema(`${path}${name}`, depth - 1)
  const record = fc
    .record({ a: inner('a'), b: inner('b'), n: fc.boolean() }, { requiredKeys: ['n'] })
    .chain(({ n, ...types }) =>
      fc.constantFrom([], ['b']).map((aliases) => ({
        type: 'record',
        name: `R${path}`,
        fields: [
          ...Object.entries(types).map(([name, type]) => ({
            name,
            type,
            ...(name === 'a' ? { aliases } : {}),
          })),
          ...(n ? [{ name: 'n', type: 'int', default: 0 }] : []),
        ],
      })),
    )
  const branch = {
    array: inner('i').map((items) => ({ type: 'array', items })),
    record,
    enum: enumeration,
  }
  const union = fc
    .shuffledSubarray([...BRANCHES], { minLength: 1, maxLength: 3 })
    .chain((kinds) =>
      fc.tuple(
        ...kinds.map((kind) =>
          kind in branch ? branch[kind as keyof typeof branch] : fc.constant(kind),
        ),
      ),
    )
  const map = inner('v').map((values) => ({ type: 'map', values }))
  return fc.oneof(leaf, enumeration, branch.array, map, record, record, record, union)
}

const NEAR: Readonly<Record<string, string>> = {
  long: 'int',
  double: 'long',
  string: 'bytes',
  bytes: 'string',
  int: 'long',
}

/** The schema with one change; `which` selects the change. */
function changed(schema: unknown, which: number): unknown {
  let left = which
  const isIt = () => left-- === 0
  const change = (value: unknown): unknown => {
    if (typeof value === 'string') return value in NEAR && isIt() ? NEAR[value] : value
    if (Array.isArray(value)) {
      const list = value.map(change)
      return list.length > 1 && isIt() ? list.slice(1) : list
    }
    if (typeof value !== 'object' || value === null) return value
    // Names, defaults and aliases stay; one symbol may be removed.
    const entries = Object.entries(value).map(([key, inner]) => {
      if (['type', 'items', 'values', 'fields'].includes(key)) return [key, change(inner)]
      const isCut = key === 'symbols' && inner.length > 1 && !('default' in value) && isIt()
      return [key, isCut ? inner.slice(1) : inner]
    })
    return Object.fromEntries(entries)
  }
  return change(schema)
}

test('random pairs of schemas are resolved as avsc resolves them', () => {
  const tally = { readable: 0, broken: 0 }
  const near = fc
    .tuple(anySchema('', 2), fc.nat(6))
    .map(([schema, which]) => [schema, changed(schema, which)] as const)
  fc.assert(
    fc.property(fc.oneof(near, near, fc.tuple(anySchema('', 2), anySchema('', 2))), (both) => {
      const [reader, writer] = both
      const pair = { name: '', reader, writer, breaks: [], remarks: [] }
      const isRead = canRead(findingsOf(pair))
      tally[isRead ? 'readable' : 'broken']++
      expect(isRead).toBe(avscResolver(avscTypes(pair)) !== undefined)
    }),
    { seed: 20_261_122, numRuns: 2_000 },
  )
  expect(tally.readable).toBeGreaterThan(500)
  expect(tally.broken).toBeGreaterThan(500)
})

test('a schema that uses its types very often is resolved quickly', () => {
  let type: unknown = 'int'
  for (let depth = 0; depth < 40; depth++)
    type = record([field('a', type), field('b', depth === 0 ? 'int' : `T${depth - 1}`)], {
      name: `T${depth}`,
    })
  expect(findingsOf({ name: '', reader: type, writer: type, breaks: [], remarks: [] })).toEqual([])
})
