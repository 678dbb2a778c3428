/** Columns, types and key of a seed, from the YAML in dbt/seeds that dbt reads as well. */

import type { NamedText } from '../documents/json-document.ts'
import { parseYaml, type YamlDocument, type YamlPath } from '../documents/yaml-document.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { type Column, parseType } from '../sql/types.ts'

export interface SeedShape {
  /** `seeds.seed_dim_sku` */
  readonly name: string
  /** In the order of the CSV. */
  readonly columns: readonly Column[]
  /** The one column that models join it by: a text. */
  readonly key: string
}

const SEED_SCHEMA = 'seeds.'
const SEED_FOLDER = 'dbt/seeds'

const TYPES = ['VARCHAR', 'BOOLEAN', 'INTEGER', 'BIGINT', 'DOUBLE', 'DECIMAL', 'DATE', 'TIMESTAMP']
const NAME = /^[a-z_][a-z0-9_]*$/

export function isSeed(name: string): boolean {
  return name.startsWith(SEED_SCHEMA)
}

/** `seeds.x` for dbt/seeds/x.csv; undefined for any other file, and for a name that no table can have. */
export function readSeedName({ file }: Pick<NamedText, 'file'>): string | undefined {
  const [, name] = /(?:^|\/)([^/]+)\.csv$/.exec(file) ?? []
  return name !== undefined && NAME.test(name) ? `${SEED_SCHEMA}${name}` : undefined
}

/** CCS_SEED_INVALID, with its place, where the YAML does not say what ccs has to know. */
export function readSeedShape(name: string, yamls: readonly NamedText[]): SeedShape {
  const short = name.slice(SEED_SCHEMA.length)
  for (const { file, text } of yamls) {
    const document = parseYaml(text, { file, code: 'CCS_SEED_INVALID' })
    const seeds = listOf(objectOf(document.value).seeds)
    const index = seeds.findIndex((one) => objectOf(one).name === short)
    if (index >= 0) return readShape(name, document, ['seeds', index], objectOf(seeds[index]))
  }
  throw new CcsError(
    'CCS_SEED_INVALID',
    `No YAML in ${SEED_FOLDER} tells the columns of ${name}.`,
    {
      exit: EXIT.usage,
      location: { file: `${SEED_FOLDER}/${short}.csv` },
      hint: `Add to its YAML: - name: ${short}, with config: { column_types: { sku: varchar }, meta: { key: sku } }`,
    },
  )
}

function readShape(
  name: string,
  document: YamlDocument,
  path: YamlPath,
  seed: Readonly<Record<string, unknown>>,
): SeedShape {
  const fault = (at: YamlPath, message: string, hint: string) =>
    new CcsError('CCS_SEED_INVALID', message, {
      exit: EXIT.usage,
      location: document.locate([...path, ...at]),
      hint,
    })
  const config = objectOf(seed.config)
  const written = Object.entries(objectOf(config.column_types))
  const columns = written.map(([column, text]) => {
    const at = ['config', 'column_types', column]
    if (!NAME.test(column))
      throw fault(at, `'${column}' is no name for a column.`, 'Use a-z, 0-9 and _.')
    const type = parseType(String(text).toUpperCase())
    if (type === undefined || !TYPES.includes(type.is))
      throw fault(
        at,
        `'${String(text)}' is no type that all engines have.`,
        `Write one of ${TYPES.join(', ').toLowerCase()}.`,
      )
    return { name: column, type }
  })
  if (columns.length === 0)
    throw fault(
      ['config'],
      `${name} has no column_types, and a model reads it.`,
      'Give each column its type: config: { column_types: { sku: varchar } }',
    )
  const key = [objectOf(config.meta).key].flat()[0]
  const column = columns.find((one) => one.name === key)
  if (column === undefined)
    throw fault(
      ['config', 'meta', 'key'],
      `${name} has no key, and a model reads it.`,
      'Name the column that it is joined by: config: { meta: { key: sku } }',
    )
  if (column.type.is !== 'VARCHAR' || columns.length === 1)
    throw fault(
      ['config', 'column_types', column.name],
      columns.length === 1
        ? `${name} has no column beside its key.`
        : `The key ${column.name} is no varchar.`,
      'A seed has a key of varchar and other columns.',
    )
  return { name, columns, key: column.name }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = value !== null && typeof value === 'object' && !Array.isArray(value)
  // A YAML map with string keys comes as an object.
  return isObject ? (value as Readonly<Record<string, unknown>>) : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
