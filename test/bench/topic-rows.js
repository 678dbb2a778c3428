/**
 * Rows of a topic that an engine filled, by the registry's schemas: as a consumer sees them that reads what was
 * committed. Times and dates are ISO 8601, decimals numbers as text.
 */
import { projectModule } from './project.js'

/** Of a stream all values; of others the last of each key, without those that are gone. */
export async function readLastRows({ brokers, registry, topic, isStream = false }) {
  const { openKafka } = await projectModule('adapters/kafka/connection.js')
  const kafka = await openKafka({ brokers: [brokers] }, '.')
  try {
    const decode = await openDecoder(registry)
    const last = new Map()
    const admin = await kafka.admin()
    for (const { partition, low } of await admin.fetchTopicOffsets(topic))
      for (let at = Number(low); ; ) {
        const options = { bytesMax: 4_000_000, waitMs: 0 }
        const { records, nextOffset, endOffset } = await kafka.fetch(topic, partition, at, options)
        for (const { key, value, offset } of records)
          last.set(
            isStream ? `${partition}/${offset}` : (key?.toString('hex') ?? ''),
            value === null ? null : await decode(value),
          )
        if (nextOffset >= endOffset) break
        at = nextOffset
      }
    return [...last.values()].filter((row) => row !== null)
  } finally {
    await kafka.close()
  }
}

async function openDecoder(registry) {
  const { compileObjectReader } = await projectModule('domain/avro/object-reader.js')
  const readers = new Map()
  const load = async (id) => {
    const { schema } = await (await fetch(`${registry}/schemas/ids/${id}`)).json()
    const read = compileObjectReader(schema, schema)
    const parts = JSON.parse(schema).fields.map(({ name, type }) => [name, printer(type)])
    return (bytes) => {
      const record = read(bytes)
      return Object.fromEntries(parts.map(([name, print]) => [name, print(record[name])]))
    }
  }
  return async (bytes) => {
    const id = bytes.readInt32BE(1)
    if (!readers.has(id)) readers.set(id, await load(id))
    return readers.get(id)(bytes.subarray(5))
  }
}

/** How values of an Avro type are printed; a union has one type besides null. */
function printer(type) {
  if (Array.isArray(type)) {
    const print = printer(type.find((one) => one !== 'null'))
    return (value) => (value === null ? null : print(unwrap(value)))
  }
  const { logicalType, scale = 0 } = typeof type === 'object' ? type : {}
  if (logicalType === 'timestamp-millis') return (value) => new Date(Number(value)).toISOString()
  if (logicalType === 'date')
    return (value) => new Date(Number(value) * 86_400_000).toISOString().slice(0, 10)
  if (logicalType === 'decimal') return (value) => printDecimal(value, scale)
  return (value) => (typeof value === 'bigint' ? String(value) : value)
}

/** avsc wraps a union's value where its branches could be confused. */
function unwrap(value) {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  const [first, ...others] = Object.entries(value)
  return first && others.length === 0 && /^(bytes|array|long|int)$/.test(first[0])
    ? first[1]
    : value
}

function printDecimal(bytes, scale) {
  const hex = Buffer.from(bytes).toString('hex')
  const unscaled = hex === '' ? 0n : BigInt.asIntN(hex.length * 4, BigInt(`0x${hex}`))
  return String(Number(unscaled) / 10 ** scale)
}
