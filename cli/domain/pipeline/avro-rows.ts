/**
 * The Avro contract of a model's rows, from the types that DuckDB gives its columns: what silver.orders.avsc
 * and its like are made of. A test keeps the files in step with the models.
 */
import { CcsError } from '../kernel/errors.ts'
import type { Model } from '../models/model.ts'

export interface RowColumn {
  readonly name: string
  /** As DESCRIBE says it: `DECIMAL(18,2)`, `STRUCT(sku VARCHAR, quantity INTEGER)[]`. */
  readonly type: string
}

/** Text of the schema. Key columns and those audited as not null are required; all others may be null. */
export function renderRowSchema(model: Model, columns: readonly RowColumn[]): string {
  const required = new Set(model.key)
  for (const audit of model.audits) if (audit.rule === 'not_null') required.add(audit.column)
  const name = pascal(model.name)
  const fields = columns.map((column) => {
    const type = parseType(column.type, `${name}${pascal(column.name)}`)
    const field = required.has(column.name)
      ? { name: column.name, type }
      : { name: column.name, type: ['null', type], default: null }
    return `    ${spaced(field)}`
  })
  const doc = `${model.doc.replace(/\s+/g, ' ').trim()} Grain: ${model.grain}.`
  return `{
  "type": "record",
  "name": ${JSON.stringify(name)},
  "namespace": "ccs",
  "doc": ${JSON.stringify(doc)},
  "fields": [
${fields.join(',\n')}
  ]
}
`
}

type AvroJson = string | { readonly type: string; readonly [attribute: string]: unknown }

const TYPES: Readonly<Record<string, AvroJson>> = {
  VARCHAR: 'string',
  BOOLEAN: 'boolean',
  INTEGER: 'int',
  BIGINT: 'long',
  FLOAT: 'float',
  DOUBLE: 'double',
  BLOB: 'bytes',
  DATE: { type: 'int', logicalType: 'date' },
  TIMESTAMP: { type: 'long', logicalType: 'timestamp-micros' },
}

/** `name` is what a struct within the type is called. */
function parseType(type: string, name: string): AvroJson {
  const known = TYPES[type]
  if (known !== undefined) return known
  if (type.endsWith('[]')) return { type: 'array', items: parseType(type.slice(0, -2), name) }
  if (type.startsWith('ENUM(')) return 'string'
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type)
  if (decimal) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])]
    return { type: 'bytes', logicalType: 'decimal', precision, scale }
  }
  if (type.startsWith('STRUCT(')) {
    const fields = splitTopLevel(type.slice('STRUCT('.length, -1)).map((part) => {
      const match = /^(?:"((?:[^"]|"")+)"|(\S+))\s+(.*)$/s.exec(part.trim())
      const field = (match?.[1] ?? match?.[2] ?? '').replaceAll('""', '"')
      const inner = parseType(match?.[3] ?? '', `${name}${pascal(field)}`)
      return { name: field, type: ['null', inner], default: null }
    })
    return { type: 'record', name, fields }
  }
  throw new CcsError('CCS_SCHEMA_INVALID', `Rows of type ${type} have no Avro schema.`, {
    hint: 'CAST the column to VARCHAR, BOOLEAN, INTEGER, BIGINT, DOUBLE, DECIMAL, DATE or TIMESTAMP.',
  })
}

/** Parts between commas that no bracket or quote encloses. */
function splitTopLevel(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let isQuoted = false
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '"') isQuoted = !isQuoted
    if (isQuoted) continue
    if (char === '(') depth++
    if (char === ')') depth--
    if (char !== ',' || depth > 0) continue
    parts.push(text.slice(from, i))
    from = i + 1
  }
  return [...parts, text.slice(from)]
}

function pascal(name: string): string {
  return name.replace(/(?:^|[._])([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** JSON on one line, with spaces as in the schemas written by hand. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const pairs = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${spaced(one)}`)
  return `{ ${pairs.join(', ')} }`
}
