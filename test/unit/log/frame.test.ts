/** The bytes of a frame of the local log: encoding, decoding, detection of damage. */
import { describe, expect, test } from 'vitest'
import {
  BODY_BYTES_MAX,
  decodeHeader,
  encodeHeader,
  HEADER_BYTES,
  isIntact,
  readUInt64,
  recordPosition,
  writeUInt64,
} from '../../../cli/adapters/log/frame.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'

const body = RecordBatch.of(['one', '', 'three'].map((text) => Buffer.from(text))).body
const fields = { count: 3, baseOffset: 2 ** 40 + 5, appendMs: 1_764_000_000_123 }

describe('a frame', () => {
  test('has the fields that were written, and is intact', () => {
    const frame = Buffer.concat([Buffer.alloc(7), encodeHeader(fields, body), body])
    const header = decodeHeader(frame, 7)
    expect(header).toEqual({ ...fields, bodyBytes: body.length, isLost: false, isErased: false })
    expect(header && isIntact(frame, 7, header)).toBe(true)
  })

  test('has a fixed layout that later versions must still read', () => {
    expect(encodeHeader(fields, body).toString('hex')).toBe(
      '636373314343b5b9140000000300000005000000000100007be897b69a010000',
    )
  })

  test('with any bit flipped is detected', () => {
    const frame = Buffer.concat([encodeHeader(fields, body), body])
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = Buffer.from(frame)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const header = decodeHeader(flipped, 0)
      const isWhole =
        header !== undefined &&
        header.bodyBytes + HEADER_BYTES <= flipped.length &&
        isIntact(flipped, 0, header)
      expect(isWhole, `bit ${bit}`).toBe(false)
    }
  })

  test('that stands for lost records has a fixed layout too, and any bit flipped is detected', () => {
    const nothing = Buffer.alloc(0)
    const frame = encodeHeader({ ...fields, isLost: true }, nothing)
    expect(frame.toString('hex')).toMatch(
      /^63637358[0-9a-f]{8}000000000300000005000000000100007be897b69a010000$/,
    )
    expect(decodeHeader(frame, 0)).toEqual({
      ...fields,
      bodyBytes: 0,
      isLost: true,
      isErased: false,
    })
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = Buffer.from(frame)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const header = decodeHeader(flipped, 0)
      const isWhole = header?.bodyBytes === 0 && isIntact(flipped, 0, header)
      expect(isWhole, `bit ${bit}`).toBe(false)
    }
  })

  test('with impossible lengths or counts is rejected', () => {
    const header = encodeHeader(fields, body)
    header.writeUInt32LE(BODY_BYTES_MAX + 1, 8)
    expect(decodeHeader(header, 0)).toBeUndefined()
    header.writeUInt32LE(12, 8)
    expect(decodeHeader(header, 0)?.count).toBe(3)
    header.writeUInt32LE(11, 8)
    expect(decodeHeader(header, 0)).toBeUndefined()
    header.writeUInt32LE(0, 12)
    expect(decodeHeader(header, 0)).toBeUndefined()
  })

  test('knows the position of each record', () => {
    expect([0, 1, 2, 3].map((index) => recordPosition(body, index))).toEqual([0, 7, 11, 20])
  })

  test('keeps numbers up to 2^53 - 1 exactly', () => {
    const bytes = Buffer.alloc(8)
    for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      writeUInt64(bytes, value, 0)
      expect(readUInt64(bytes, 0)).toBe(value)
      expect(bytes.readBigUInt64LE(0)).toBe(BigInt(value))
    }
  })
})
