/** What each cluster engine calls the logical types. */
import type { LogicalType } from '../../sql/types.ts'
import type { PrintedEngine } from './functions.ts'

/** How each engine writes a simple type; absent: it has none like it. */
const NAMES: Readonly<
  Record<
    Exclude<LogicalType['is'], 'LIST' | 'STRUCT' | 'DECIMAL'>,
    Partial<Record<PrintedEngine, string>>
  >
> = {
  BOOLEAN: { flink: 'BOOLEAN', ksqldb: 'BOOLEAN' },
  INTEGER: { flink: 'INT', ksqldb: 'INT' },
  BIGINT: { flink: 'BIGINT', ksqldb: 'BIGINT' },
  DOUBLE: { flink: 'DOUBLE', ksqldb: 'DOUBLE' },
  VARCHAR: { flink: 'STRING', ksqldb: 'STRING' },
  DATE: { flink: 'DATE', ksqldb: 'DATE' },
  TIMESTAMP: { flink: 'TIMESTAMP(3)', ksqldb: 'TIMESTAMP' },
  HUGEINT: {},
  INTERVAL: {},
  NULL: {},
}

/** Prints a type for an engine; undefined: the engine has none like it. */
export function printType(type: LogicalType, engine: PrintedEngine): string | undefined {
  switch (type.is) {
    case 'DECIMAL':
      return `DECIMAL(${type.width}, ${type.scale})`
    case 'LIST': {
      const of = printType(type.of, engine)
      return of === undefined ? undefined : `ARRAY<${of}>`
    }
    case 'STRUCT': {
      const fields = type.fields.map((one) => [one.name, printType(one.type, engine)] as const)
      if (fields.some(([, name]) => name === undefined)) return undefined
      const inside = fields.map(([name, of]) => `\`${name}\` ${of}`).join(', ')
      return engine === 'flink' ? `ROW<${inside}>` : `STRUCT<${inside}>`
    }
    default:
      return NAMES[type.is][engine]
  }
}
