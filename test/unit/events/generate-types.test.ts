/**
 * TypeScript types are generated from the schemas. After changing one: vitest run <this file> -u
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generateContractTypes } from '../../../cli/domain/events/generate-types.ts'

const ROOT = join(import.meta.dirname, '../../..')

test('contracts.ts is what schemas/ generates', async () => {
  const schemas = ['events.raw', 'events.dlq'].map((topic) =>
    readFileSync(join(ROOT, 'schemas', `${topic}.avsc`), 'utf8'),
  )
  await expect(generateContractTypes(schemas)).toMatchFileSnapshot(
    join(ROOT, 'cli/domain/events/contracts.ts'),
  )
})

test('records become interfaces, enums become lists and unions', () => {
  const schema = {
    type: 'record',
    name: 'Shelf',
    doc: 'Where things lie.',
    fields: [
      { name: 'id', type: 'long', doc: 'Its number.' },
      { name: 'kind', type: { type: 'enum', name: 'ShelfKind', symbols: ['low', 'high'] } },
      { name: 'label', type: ['null', 'string'], default: null },
      { name: 'sizes', type: { type: 'array', items: ['null', 'int'] } },
    ],
  }
  expect(generateContractTypes([JSON.stringify(schema)])).toContain(
    [
      "/** The symbols of the enum ShelfKind, in the schema's order. */",
      "export const SHELF_KINDS = ['low', 'high'] as const",
      '',
      '/** One of SHELF_KINDS. */',
      'export type ShelfKind = (typeof SHELF_KINDS)[number]',
      '',
      '/** Where things lie. */',
      'export interface Shelf {',
      '  /** Its number. */',
      '  readonly id: number',
      '  readonly kind: ShelfKind',
      '  readonly label: string | null',
      '  readonly sizes: readonly (number | null)[]',
      '}',
    ].join('\n'),
  )
})
