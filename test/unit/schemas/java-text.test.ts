/**
 * Schemas as Avro for Java prints them. test/ksqldb checks that Java clients look schemas up so.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { schemaIdentity } from '../../../cli/domain/schemas/identity.ts'
import { javaSchemaText } from '../../../cli/domain/schemas/java-text.ts'

const SCHEMAS = path.resolve(import.meta.dirname, '../../../schemas')

test("keys are in Java's order, unknown attributes after those of Avro", () => {
  const text = javaSchemaText(
    JSON.stringify({
      namespace: 'shop',
      type: 'record',
      requires: { a: 1 },
      name: 'Event',
      aliases: ['shop.Old'],
      fields: [
        {
          default: null,
          minimum: 1,
          type: ['null', { logicalType: 'timestamp-millis', type: 'long' }],
          name: 'at',
          doc: 'when',
        },
        {
          name: 'kind',
          order: 'ascending',
          type: { name: 'shop.Kind', symbols: ['A'], type: 'enum', default: 'A', doc: 'what' },
        },
        { name: 'again', type: 'shop.Kind' },
        { name: 'list', type: { items: { type: 'string' }, type: 'array' } },
        { name: 'far', type: { type: 'fixed', name: 'Far', namespace: 'other', size: 2 } },
      ],
      doc: 'one',
    }),
  )
  expect(text).toBe(
    '{"type":"record","name":"Event","namespace":"shop","doc":"one","fields":[' +
      '{"name":"at","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"doc":"when","default":null,"minimum":1},' +
      '{"name":"kind","type":{"type":"enum","name":"Kind","doc":"what","symbols":["A"],"default":"A"}},' +
      '{"name":"again","type":"Kind"},' +
      '{"name":"list","type":{"type":"array","items":"string"}},' +
      '{"name":"far","type":{"type":"fixed","name":"Far","namespace":"other","size":2}}' +
      '],"requires":{"a":1},"aliases":["Old"]}',
  )
})

test.each(readdirSync(SCHEMAS).filter((name) => name.endsWith('.avsc')))(
  '%s is the same schema afterwards, and printing is idempotent',
  (name) => {
    const text = readFileSync(path.join(SCHEMAS, name), 'utf8')
    const printed = javaSchemaText(text)
    expect(schemaIdentity(printed)).toBe(schemaIdentity(text))
    expect(javaSchemaText(printed)).toBe(printed)
  },
)
