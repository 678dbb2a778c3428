/** Comparing schemas with their history: modes, places of findings, removed fields, diffs. */
import { expect, test } from 'vitest'
import { type CompatibilityMode, checkTopic } from '../../../cli/domain/schemas/check.ts'
import { diffSchemas } from '../../../cli/domain/schemas/diff.ts'
import { groupSchemasByTopic } from '../../../cli/domain/schemas/history.ts'
import { diffTopics } from '../../../cli/domain/schemas/list.ts'
import { parseSchema } from '../../../cli/domain/schemas/tree.ts'
import { array, field, record, symbols } from '../../fixtures/schema-pairs/pair.ts'

const text = (fields: readonly unknown[], more: object = {}) =>
  JSON.stringify(record(fields, more), null, 1)

/** The check of a topic `t` with these versions, of which the last is in force. */
function topic(versions: readonly (readonly unknown[])[], isKept = true) {
  const kept = isKept ? versions : versions.slice(0, -1)
  return groupSchemasByTopic([
    { file: 'schemas/t.avsc', text: text(versions.at(-1) ?? []) },
    ...kept.map((fields, index) => ({
      file: `schemas/history/t/${index + 1}.id${index + 5}.avsc`,
      text: text(fields),
    })),
  ])
}

function check(mode: CompatibilityMode, ...versions: readonly (readonly unknown[])[]) {
  const [only] = topic(versions)
  if (!only) throw new Error('there is a topic')
  return checkTopic(only, mode)
}

const a = field('a', 'int')
const b = field('b', 'int')
const optionalB = field('b', 'int', { default: 0 })

test('the mode decides which schema must read which records', () => {
  const rules = (mode: CompatibilityMode, ...versions: readonly (readonly unknown[])[]) =>
    check(mode, ...versions).breaks.map((one) => `${one.reader} ${one.rule} ${one.path}`)
  const added = [[a], [a, b]] as const
  const removed = [[a, b], [a]] as const
  expect(rules('BACKWARD', ...added)).toEqual(['new no default b'])
  expect(rules('FORWARD', ...added)).toEqual([])
  expect(rules('FULL', ...added)).toEqual(['new no default b'])
  expect(rules('BACKWARD', ...removed)).toEqual([])
  expect(rules('FORWARD', ...removed)).toEqual(['old no default b'])
  expect(rules('FULL', ...removed)).toEqual(['old no default b'])
  expect(rules('FULL_TRANSITIVE', [a], [a, optionalB])).toEqual([])
})

test('transitive modes compare all versions, others only the newest', () => {
  // Each step is allowed, but not both together: b: int is removed, and b: string added later.
  const versions = [[a, b], [a], [a, field('b', 'string', { default: '' })]] as const
  expect(check('BACKWARD', ...versions)).toMatchObject({ versions: [2], breaks: [] })
  expect(check('BACKWARD_TRANSITIVE', ...versions)).toMatchObject({
    versions: [1, 2],
    breaks: [{ rule: 'type', path: 'b', versions: [1] }],
  })
})

test('a break in several versions is reported once', () => {
  const { breaks } = check(
    'BACKWARD_TRANSITIVE',
    [a],
    [a, optionalB],
    [a, optionalB, field('c', 'int')],
  )
  expect(breaks).toMatchObject([{ path: 'c', versions: [1, 2] }])
})

test('a finding has its place in both files', () => {
  const { breaks } = check('BACKWARD', [a, field('b', 'string')], [a, b])
  expect(breaks).toMatchObject([
    {
      rule: 'type',
      path: 'b',
      message: 'Field b: written as string, read as int: Avro has no way from one to the other.',
      location: { file: 'schemas/t.avsc', line: 11, column: 12, text: '   "type": "int"' },
      kept: { file: 'schemas/history/t/1.id5.avsc', line: 11, column: 12 },
    },
  ])
})

test('versions that differ only in layout or documentation are not compared', () => {
  const [only] = groupSchemasByTopic([
    { file: 'schemas/t.avsc', text: text([a], { doc: 'Other words.' }) },
    { file: 'schemas/history/t/1.id1.avsc', text: text([a]) },
  ])
  expect(only && checkTopic(only, 'FULL')).toMatchObject({ versions: [], isKept: true })
})

test('removed fields are listed, the outermost only, with their new names', () => {
  const inner = (more: readonly unknown[]) => record([a, ...more], { name: 'In' })
  const { removed } = check(
    'BACKWARD',
    [a, b, field('c', inner([b])), field('d', array('In'))],
    [a, field('bb', 'int', { aliases: ['b'] })],
  )
  expect(removed.map(({ path, renamedTo }) => [path, renamedTo])).toEqual([
    ['b', 'bb'],
    ['c', undefined],
    ['d', undefined],
  ])
})

test('stricter bounds and new requirements are remarks, not breaks', () => {
  const bounded = (maximum: number) => [field('a', 'int', { maximum })]
  expect(check('BACKWARD', bounded(10), bounded(5))).toMatchObject({
    breaks: [],
    remarks: [{ rule: 'stricter', path: 'a' }],
  })
  expect(check('BACKWARD', bounded(5), bounded(10)).remarks).toEqual([])
  const [only] = groupSchemasByTopic([
    { file: 'schemas/t.avsc', text: text([a], { requires: { x: ['a'] } }) },
    { file: 'schemas/history/t/1.id1.avsc', text: text([a]) },
  ])
  expect(only && checkTopic(only, 'BACKWARD').remarks).toMatchObject([
    { rule: 'stricter', path: '', message: expect.stringContaining('a of x newly required') },
  ])
})

test('an invalid schema is reported with the place of its fault', () => {
  const fault = (source: string) => {
    try {
      parseSchema({ file: 's.avsc', text: source })
    } catch (error) {
      return error
    }
    return undefined
  }
  const code = 'CCS_SCHEMA_INVALID'
  expect(fault('{\n  "type": "record",\n  nothing')).toMatchObject({
    code,
    location: { line: 3, column: 3 },
  })
  expect(
    fault('{"type":"record","name":"R",\n"fields":[{"name":"a","type":"strng"}]}'),
  ).toMatchObject({
    code,
    message: "s.avsc names the type 'strng', which it does not define.",
    hint: 'Did you mean "string"?',
    location: { line: 2, column: 30 },
  })
  const line = '{"type":"record","name":"R",\n'
  for (const [wrong, column] of [
    ['"fields": }', 11],
    ['"fields": [}', 12],
    ['"fields" []', 10],
    ['"fields": [tru]', 15],
    ['"fields": [', 12],
    ['"fields": [],}', 14],
    ['"fields": "a\n"', 13],
  ] as const)
    expect(fault(line + wrong), wrong).toMatchObject({ code, location: { line: 2, column } })
  for (const wrong of [
    ['int', 'int'],
    { type: 'enum', name: 'E', symbols: ['x', 'x'] },
    { type: 'enum', name: 'E', symbols: ['x'], default: 'y' },
    { type: 'fixed', name: 'F' },
    record([a, a]),
    record([field('a', record([]))]),
  ])
    expect(fault(JSON.stringify(wrong)), JSON.stringify(wrong)).toMatchObject({ code })
})

test('a diff lists what changed about each field, and for which readers', () => {
  const schema = (fields: readonly unknown[]) => parseSchema({ file: 's.avsc', text: text(fields) })
  const item = (fields: readonly unknown[]) =>
    field('items', array(record(fields, { name: 'Item' })))
  const changes = diffSchemas(
    schema([
      a,
      field('was', 'string'),
      field('gone', ['null', 'int'], { default: null }),
      field('needed', 'int'),
      field('kind', symbols('x y')),
      item([field('sku', 'string'), field('n', 'int')]),
    ]),
    schema([
      field('a', 'long'),
      field('now', 'string', { aliases: ['was'] }),
      field('kind', symbols('x y z')),
      item([field('sku', 'string', { maxLength: 9 }), field('n', 'boolean')]),
      optionalB,
      field('c', 'int'),
    ]),
  )
  expect(
    changes.map(({ path, change, category, details }) => [path, change, category, ...details]),
  ).toEqual([
    ['a', 'changed', 'forward-only', 'int → long', 'old readers cannot read it (type)'],
    ['now', 'renamed', 'forward-only', 'was was', 'old readers cannot read it (no default)'],
    ['kind', 'changed', 'forward-only', '+ z', 'old readers cannot read it (symbol)'],
    ['items[].sku', 'changed', 'forward-only', 'maxLength none → 9'],
    ['items[].n', 'changed', 'breaking', 'int → boolean', 'cannot be read from old records (type)'],
    ['b', 'added', 'additive', 'int', 'default 0'],
    ['c', 'added', 'breaking', 'int', 'cannot be read from old records (no default)'],
    ['gone', 'removed', 'additive', 'null or int'],
    ['needed', 'removed', 'forward-only', 'int', 'old readers cannot read it (no default)'],
  ])
})

test('a diff is against the named version, else the newest that differs', () => {
  const topics = topic([[a], [a, optionalB], [a, optionalB, field('c', 'int', { default: 1 })]])
  const paths = (from: number | undefined) =>
    diffTopics(topics, { topic: 't', from }).map((one) => [
      one.from,
      one.changes.map((c) => c.path),
    ])
  expect(paths(undefined)).toEqual([[2, ['c']]])
  expect(paths(1)).toEqual([[1, ['b', 'c']]])
  expect(() => paths(9)).toThrow('t has no version 9.')
  expect(() => diffTopics(topics, { topic: 'u', from: 1 })).toThrow("no schema of a topic 'u'")
})
