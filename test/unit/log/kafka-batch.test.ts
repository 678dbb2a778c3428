/** Kafka's record batches: encoding, decoding from any offset, detection of damage. */
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c } from '../../../cli/domain/log/crc32c.ts'
import {
  DamagedBatchError,
  decodeBatches,
  encodeBatch,
} from '../../../cli/domain/log/kafka-batch.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'

const SEQUENCE = { producerId: 7n, epoch: 1, first: 42 }

/** A batch as the broker stores it: with its base offset, which the checksum does not cover. */
function batchAt(offset: number, records: readonly Uint8Array[], isPacked = false): Buffer {
  const { body, count } = RecordBatch.of(records)
  const packed = { body, from: 0, to: body.length, count }
  const bytes = encodeBatch(packed, 1_000 + offset, SEQUENCE, isPacked ? gzipSync : undefined)
  bytes.writeBigInt64BE(BigInt(offset), 0)
  return bytes
}

const options = (from: number) => ({
  from,
  aborted: [],
  decompress: async (_codec: number, bytes: Buffer) => gunzipSync(bytes),
})

test('CRC-32C has the values of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
})

test('records survive encoding from any offset; a cut-off batch is left out', async () => {
  const records = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 150 })
  await fc.assert(
    fc.asyncProperty(records, records, fc.boolean(), fc.nat(), async (one, two, isPacked, at) => {
      const from = at % (one.length + 1)
      const end = one.length + two.length
      const whole = Buffer.concat([batchAt(0, one, isPacked), batchAt(one.length, two)])
      const cut = batchAt(end, one).subarray(0, 60)
      const { frames, nextOffset } = await decodeBatches(Buffer.concat([whole, cut]), options(from))
      expect(nextOffset).toBe(end)
      const bodies = Buffer.concat(frames.map(({ body }) => body))
      expect(bodies.equals(RecordBatch.of([...one, ...two].slice(from)).body)).toBe(true)
      const first = Math.min(from, one.length)
      expect(frames[0]).toMatchObject({ baseOffset: first })
      expect(frames.at(-1)?.appendMs).toBe(1_000 + one.length)
    }),
  )
})

test('any flipped bit after the offset is detected', async () => {
  const whole = batchAt(5, [Buffer.from('some'), Buffer.from('records')])
  for (let bit = 16 * 8; bit < whole.length * 8; bit++) {
    const bytes = Buffer.from(whole)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    await expect(decodeBatches(bytes, options(0))).rejects.toBeInstanceOf(DamagedBatchError)
  }
})
