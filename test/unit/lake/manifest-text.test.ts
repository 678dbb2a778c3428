/** The manifest as bytes, and how damage to it is detected. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import {
  groupByPartition,
  type LakeFile,
  type Manifest,
} from '../../../cli/domain/lake/manifest.ts'
import { parseManifest, renderManifest } from '../../../cli/domain/lake/manifest-text.ts'

const FILE: LakeFile = {
  table: 'silver.events',
  partition: 'event_date=2026-11-22',
  name: '7-0000.parquet',
  rows: 3,
  bytes: 812,
  crc32: 0xffffffff,
}

const MANIFEST: Manifest = {
  format: 1,
  serial: 7,
  generation: 0,
  committedMs: 1_795_305_600_000,
  positions: [
    { topic: 'events.raw', partition: 0, nextOffset: 12, maxEventMs: 1_795_305_599_000 },
    { topic: 'events.raw', partition: 1, nextOffset: 0, maxEventMs: null },
  ],
  dlqEnd: 1,
  counts: { records: 12, bronze: 11, duplicates: 8, dlq: 1, setAside: 1, late: 2 },
  files: [FILE, { ...FILE, table: 'gold.sessions', partition: '', name: '7-0001.parquet' }],
  state: [
    {
      path: '7/gold.sessions.parquet',
      kind: 'gold',
      model: 'gold.sessions',
      rows: 1,
      bytes: 9,
      crc32: 5,
      closedMs: 1_795_305_000_000,
    },
    { path: '7/seen.bin', kind: 'seen', model: '', rows: 3, bytes: 60, crc32: 6, hour: 498_695 },
  ],
  models: [{ name: 'silver.events', fingerprint: 'ab12', text: "SELECT 'Größe €' -- 😀" }],
  schemas: [{ subject: 'events.raw-value', fingerprint: 'cd34' }],
}

function faultOf(run: () => unknown): CcsError {
  try {
    run()
  } catch (error) {
    if (error instanceof CcsError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

test('a manifest is parsed as it was rendered, and is valid JSON', () => {
  const bytes = renderManifest(MANIFEST)
  expect(parseManifest(bytes, 'manifest.json')).toEqual(MANIFEST)
  expect(JSON.parse(bytes.toString('utf8')).manifest).toEqual(MANIFEST)
})

test('what retention removed is kept, and ranges of offsets are checked', () => {
  const records = [{ topic: 'events.dlq', partition: 0, from: 5, to: 40 }]
  const pruned = { ...MANIFEST, pruned: { records, rejects: 35 } }
  expect(parseManifest(renderManifest(pruned), 'm')).toEqual({ ...pruned, format: 2 })
  const wrong = { ...pruned, pruned: { records: [{ ...records[0], to: -1 }], rejects: 0 } }
  const fault = faultOf(() => renderManifest(wrong as Manifest))
  expect(fault.message).toContain('pruned.records[0].to should be a whole number from 0 on')
})

test('an older ccs set no record aside', () => {
  const text = renderManifest(MANIFEST).toString('utf8')
  const body = (/"manifest": (.*)\n/.exec(text)?.[1] ?? '').replace('"setAside":1,', '')
  const sha = createHash('sha256').update(body).digest('hex')
  const older = Buffer.from(
    text
      .replace(/"sha256": "\w+"/, `"sha256": "${sha}"`)
      .replace(/("manifest": ).*\n/, (_, name) => `${name}${body}\n`),
  )
  expect(parseManifest(older, 'm').counts).toEqual({ ...MANIFEST.counts, setAside: 0 })
})

test('the format is the oldest that a reader must know', () => {
  const formatOf = (manifest: Manifest) => {
    const text = renderManifest(manifest).toString('utf8')
    const head = Number(/^\{\n"format": (\d+),/.exec(text)?.[1])
    expect(JSON.parse(text).manifest.format).toBe(head)
    return head
  }
  const pruned = { records: [], rejects: 0 }
  expect(formatOf({ ...MANIFEST, format: 2 })).toBe(1)
  expect(formatOf({ ...MANIFEST, pruned })).toBe(2)
  expect(formatOf({ ...MANIFEST, compressedLog: true })).toBe(2)
  expect(formatOf({ ...MANIFEST, hasErased: true })).toBe(2)
  const read = parseManifest(renderManifest({ ...MANIFEST, compressedLog: true }), 'm')
  expect(read).toEqual({ ...MANIFEST, format: 2, compressedLog: true })
})

test.each([
  { format: 1, manifest: MANIFEST },
  { format: 2, manifest: { ...MANIFEST, compressedLog: true as const } },
])('every single flipped bit is detected, format $format', ({ manifest }) => {
  const bytes = renderManifest(manifest)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    expect(faultOf(() => parseManifest(flipped, 'm')).code, `bit ${bit}`).toBe(
      'CCS_MANIFEST_INVALID',
    )
  }
})

test('a truncated or extended manifest is detected', () => {
  const bytes = renderManifest(MANIFEST)
  for (let end = 0; end < bytes.length; end++)
    expect(faultOf(() => parseManifest(bytes.subarray(0, end), 'm')).code, `cut at ${end}`).toBe(
      'CCS_MANIFEST_INVALID',
    )
  expect(faultOf(() => parseManifest(Buffer.concat([bytes, Buffer.from('\n')]), 'm')).code).toBe(
    'CCS_MANIFEST_INVALID',
  )
})

test('a manifest of a newer format is reported as such, whatever it contains', () => {
  const text = '{\n"format": 12,\n"blake3": "…"}'
  const fault = faultOf(() => parseManifest(Buffer.from(text), '/data/manifest.json'))
  expect(fault.message).toBe('/data/manifest.json has format 12; this ccs knows formats up to 2.')
  expect(fault.exit).toBe(2)
})

test('a manifest with a wrong value is not rendered, and the message says where', () => {
  const [position] = MANIFEST.positions
  const wrong: [string, object][] = [
    ['manifest.serial should be a whole number', { serial: -1 }],
    ['manifest.positions[0].nextOffset', { positions: [{ ...position, nextOffset: 1.5 }] }],
    ['manifest.files[0].name', { files: [{ ...FILE, name: '../../etc/passwd.parquet' }] }],
    ['manifest.files[0].table', { files: [{ ...FILE, table: '../x' }] }],
    ['manifest.files[0].crc32', { files: [{ ...FILE, crc32: -1 }] }],
    ['manifest.files names a file twice', { files: [FILE, { ...FILE, table: 'silver.orders' }] }],
    ['manifest.state[0].path', { state: [{ ...MANIFEST.state[0], path: '../seen.bin' }] }],
    ['manifest.counts should be an object', { counts: null }],
    ['manifest.models should be a list', { models: {} }],
  ]
  for (const [message, change] of wrong) {
    // Breaks the type on purpose, as a bug elsewhere might.
    const manifest = { ...MANIFEST, ...change } as Manifest
    expect(faultOf(() => renderManifest(manifest)).message).toContain(message)
  }
})

test('files are grouped by table and partition', () => {
  const other = { ...FILE, name: 'b.parquet' }
  const groups = groupByPartition([...MANIFEST.files, other])
  expect(groups.map((leaf) => [leaf.table, leaf.partition, leaf.files.length])).toEqual([
    ['gold.sessions', '', 1],
    ['silver.events', 'event_date=2026-11-22', 2],
  ])
})
