/** Values as Iceberg stores them: partitions in Avro, bounds as bytes. */
import type { ColumnBounds, OpenField, OpenFile } from './open-lake.ts'

const DAY_MS = 86_400_000

/** Days since 1970 of an ISO date. */
export function toDays(date: string): number {
  return Math.floor(Date.parse(`${date}T00:00:00Z`) / DAY_MS)
}

/** Value of the folder `column=value`, as Avro needs it. */
export function partitionValue({ name, type }: OpenField, { partition }: OpenFile) {
  const text = decodeURIComponent(partition.slice(name.length + 1))
  if (type.is === 'DATE') return toDays(text)
  return type.is === 'INTEGER' || type.is === 'BIGINT' ? Number(text) : text
}

/** `2026-11-22 10:00:00.5`, UTC, in microseconds since 1970. */
function toMicros(time: string): bigint {
  const [whole = '', fraction = ''] = time.split('.')
  const ms = BigInt(Date.parse(`${whole.replace(' ', 'T')}Z`))
  return ms * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6))
}

/** Least bytes that sort readers can compare; undefined for a type whose bounds are not written. */
export function boundBytes({ type }: OpenField, text: string): Buffer | undefined {
  if (type.is === 'DATE' || type.is === 'INTEGER') {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(type.is === 'DATE' ? toDays(text) : Number(text))
    return bytes
  }
  if (type.is !== 'BIGINT' && type.is !== 'TIMESTAMP') return undefined
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(type.is === 'BIGINT' ? BigInt(text) : toMicros(text))
  return bytes
}

/** Bounds of a file by the ids of its columns. */
export function boundsById(
  bounds: readonly ColumnBounds[],
  columns: readonly OpenField[],
  pick: 'min' | 'max',
): readonly { readonly key: number; readonly value: Buffer }[] {
  return bounds.flatMap((one) => {
    const field = columns.find(({ name }) => name === one.column)
    const value = field && boundBytes(field, one[pick])
    return field && value ? [{ key: field.id, value }] : []
  })
}
