/** Encodes an Avro object container file. */
import avsc from 'avsc'
import type { AvroFile } from '../../domain/table-formats/iceberg.ts'

/** The bytes of the file; its header has the schema as it was given, with ids of fields. */
export function encodeAvroFile({ schema, header, records }: AvroFile): Promise<Buffer> {
  const metadata = Object.fromEntries(
    Object.entries(header).map(([name, text]) => [name, Buffer.from(text)]),
  )
  const options = { codec: 'deflate', metadata }
  const encoder = new avsc.streams.BlockEncoder(schema as avsc.Schema, options)
  const parts: Buffer[] = []
  return new Promise((resolve, reject) => {
    encoder.on('data', (part: Buffer) => parts.push(part))
    encoder.once('error', reject)
    encoder.once('end', () => resolve(Buffer.concat(parts)))
    for (const record of records) encoder.write(record)
    encoder.end()
  })
}
