/** Fills the topic of a seed with its rows, before anything reads it. */
import type { RemoteRegistry } from '../../../domain/avro/schema-registry.ts'
import type { KeyedRecord } from '../../../domain/log/keyed-record.ts'
import { subjectFor } from '../../../domain/log/topics.ts'
import type { Seed } from '../../../domain/models/seed.ts'
import { renderSeedSchema, toSeedJson } from '../../../domain/models/seed-value.ts'
import { compileGoldEncoder } from '../../../domain/pipeline/gold-encoder.ts'

/** Appends records to a topic; durable when it resolves. */
export type PublishSeed = (topic: string, records: readonly KeyedRecord[]) => Promise<void>

/** Registers the seed's schema and publishes its rows, keyed. */
export async function fillSeed(
  { name, key, columns: all, rows }: Seed,
  topic: string,
  ports: { readonly registry: Pick<RemoteRegistry, 'register'>; readonly publish: PublishSeed },
): Promise<void> {
  const columns = all.filter((one) => one.name !== key)
  const schema = renderSeedSchema(name.replace('.', '_'), columns)
  const { id } = await ports.registry.register(subjectFor(topic), schema)
  const encode = compileGoldEncoder(schema, id)
  const records = rows.map((row) => {
    const values = columns.map((one) => [one.name, toSeedJson(row[one.name] ?? null, one.type)])
    return { key: Buffer.from(row[key] ?? ''), value: encode(Object.fromEntries(values)) }
  })
  await ports.publish(topic, records)
}
