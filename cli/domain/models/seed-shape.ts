/** Reads columns, types and key of a seed from the YAML in dbt/seeds, which dbt reads as well. */

import type { NamedText } from '../documents/json-document.ts'
import { parseYaml, type YamlDocument, type YamlPath } from '../documents/yaml-document.ts'
import { CcsError } from '../kernel/errors.ts'
import { asList, asObject } from '../kernel/json.ts'
import { type Column, parseType } from '../sql/types.ts'

/** The columns of a seed and the key that models join it by. */
export interface SeedShape {
  /** `seeds.seed_dim_sku` */
  readonly name: string
  /** In the order of the CSV. */
  readonly columns: readonly Column[]
  /** Its only key column; always a VARCHAR. */
  readonly key: string
}

const SEED_SCHEMA = 'seeds.'
const SEED_FOLDER = 'dbt/seeds'

const TYPES = ['VARCHAR', 'BOOLEAN', 'INTEGER', 'BIGINT', 'DOUBLE', 'DECIMAL', 'DATE', 'TIMESTAMP']
const NAME = /^[a-z_][a-z0-9_]*$/

/** Whether a table name is one of a seed. */
export function isSeed(name: string): boolean {
  return name.startsWith(SEED_SCHEMA)
}

/** `seeds.x` for dbt/seeds/x.csv; undefined for another file or a name unfit for SQL. */
export function readSeedName({ file }: Pick<NamedText, 'file'>): string | undefined {
  const [, name] = /(?:^|\/)([^/]+)\.csv$/.exec(file) ?? []
  return name !== undefined && NAME.test(name) ? `${SEED_SCHEMA}${name}` : undefined
}

/** Throws CCS_SEED_INVALID, with the place, if the YAML lacks types or key. */
export function readSeedShape(name: string, yamls: readonly NamedText[]): SeedShape {
  const short = name.slice(SEED_SCHEMA.length)
  for (const { file, text } of yamls) {
    const document = parseYaml(text, { file, code: 'CCS_SEED_INVALID' })
    const seeds = asList(asObject(document.value).seeds)
    const index = seeds.findIndex((one) => asObject(one).name === short)
    if (index >= 0) return readShape(name, document, ['seeds', index], asObject(seeds[index]))
  }
  throw new CcsError('CCS_SEED_INVALID', `No YAML in ${SEED_FOLDER} has the columns of ${name}.`, {
    location: { file: `${SEED_FOLDER}/${short}.csv` },
    hint:
      `Add to its YAML: - name: ${short}, ` +
      'with config: { column_types: { sku: varchar }, meta: { key: sku } }',
  })
}

function readShape(
  name: string,
  document: YamlDocument,
  path: YamlPath,
  seed: Readonly<Record<string, unknown>>,
): SeedShape {
  const fault = (at: YamlPath, message: string, hint: string) =>
    new CcsError('CCS_SEED_INVALID', message, { location: document.locate([...path, ...at]), hint })
  const config = asObject(seed.config)
  const written = Object.entries(asObject(config.column_types))
  const columns = written.map(([column, text]) => {
    const at = ['config', 'column_types', column]
    if (!NAME.test(column))
      throw fault(at, `'${column}' is not a valid column name.`, 'Use a-z, 0-9 and _.')
    const type = parseType(String(text).toUpperCase())
    if (type === undefined || !TYPES.includes(type.is))
      throw fault(
        at,
        `'${String(text)}' is not a type that all engines have.`,
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
  const key = [asObject(config.meta).key].flat()[0]
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
        : `The key ${column.name} is not a varchar.`,
      'A seed needs a varchar key and at least one other column.',
    )
  return { name, columns, key: column.name }
}
