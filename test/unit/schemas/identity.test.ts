/** The same schema in two texts: as it was written, and as a registry prints it. */
import { expect, test } from 'vitest'
import { schemaIdentity } from '../../../cli/domain/schemas/identity.ts'

const WRITTEN = `{
  "type": "record", "name": "R", "namespace": "n", "doc": "d",
  "requires": {"b": ["x"], "a": ["y"]}, "aliases": ["Old", "m.Old2"],
  "fields": [
    {"name": "a", "type": {"type": "string"}, "order": "ascending", "minimum": 1, "aliases": ["q"], "doc": "dd", "default": ""},
    {"name": "b", "type": {"type": "record", "name": "n.S", "fields": [
      {"name": "x", "type": ["null", {"type": "double"}], "default": null}]}},
    {"name": "c", "type": {"type": "record", "name": "T", "namespace": "n", "fields": []}},
    {"name": "c2", "type": {"type": "record", "name": "T2", "namespace": "", "fields": [{"name": "z", "type": "n.T"}]}},
    {"name": "d", "type": "n.S"},
    {"name": "e", "type": "double", "default": 1},
    {"name": "f", "type": {"type": "long", "logicalType": "timestamp-millis"}, "maximum": 12345678901},
    {"name": "g", "type": {"type": "enum", "name": "E", "symbols": ["A"], "default": "A"}, "default": "A"},
    {"name": "h", "type": {"type": "array", "items": {"type": "int"}}, "default": []},
    {"name": "j", "type": "int", "order": "ignore"}]}`

/** The text of Schema.toString in Avro 1.12.0 for Java, and so of Confluent's registry. */
const PRINTED =
  '{"type":"record","name":"R","namespace":"n","doc":"d","fields":[{"name":"a","type":"string","doc":"dd","default":"","aliases":["q"],"minimum":1},{"name":"b","type":{"type":"record","name":"S","fields":[{"name":"x","type":["null","double"],"default":null}]}},{"name":"c","type":{"type":"record","name":"T","fields":[]}},{"name":"c2","type":{"type":"record","name":"T2","namespace":"","fields":[{"name":"z","type":"n.T"}]}},{"name":"d","type":"S"},{"name":"e","type":"double","default":1},{"name":"f","type":{"type":"long","logicalType":"timestamp-millis"},"maximum":12345678901},{"name":"g","type":{"type":"enum","name":"E","symbols":["A"],"default":"A"},"default":"A"},{"name":"h","type":{"type":"array","items":"int"},"default":[]},{"name":"j","type":"int","order":"ignore"}],"requires":{"b":["x"],"a":["y"]},"aliases":["Old","m.Old2"]}'

test('a schema is recognized in the form that the registry returns', () => {
  expect(schemaIdentity(PRINTED)).toBe(schemaIdentity(WRITTEN))
})

test.each([
  ['a rule', '"minimum": 1', '"minimum": 2'],
  ['a default', '"default": ""', '"default": "x"'],
  ['a type', '"double"', '"float"'],
  ['a namespace', '"namespace": "n"', '"namespace": "o"'],
  ['a logical type', 'timestamp-millis', 'timestamp-micros'],
  ['an order that is not the implied one', '"order": "ascending"', '"order": "descending"'],
  ['the name of a nested type', '"namespace": ""', '"namespace": "p"'],
  ['what an event needs', '"b": ["x"]', '"b": ["z"]'],
])('%s makes another schema', (_what, from, to) => {
  expect(WRITTEN).toContain(from)
  expect(schemaIdentity(WRITTEN.replace(from, to))).not.toBe(schemaIdentity(WRITTEN))
})

test('schemas with another order of fields are different', () => {
  const { fields, ...rest } = JSON.parse(WRITTEN)
  const turned = JSON.stringify({ ...rest, fields: [fields[5], ...fields.toSpliced(5, 1)] })
  expect(schemaIdentity(turned)).not.toBe(schemaIdentity(WRITTEN))
})

test('any type has an identity, a text that is not JSON has none', () => {
  expect(schemaIdentity('{"type":"string"}')).toBe(schemaIdentity('"string"'))
  expect(schemaIdentity('["null", {"type": "map", "values": {"type": "int"}}]')).toBe(
    schemaIdentity('["null",{"values":"int","type":"map"}]'),
  )
  expect(schemaIdentity('{')).toBeUndefined()
})
