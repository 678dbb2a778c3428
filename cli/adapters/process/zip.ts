/** Writes a small zip or jar, uncompressed, and reads one; equal entries give equal bytes. */
import { crc32, inflateRawSync } from 'node:zlib'

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const VERSION = 20
/** 1 January 1980, the first day of the format. */
const DAY = 0x21

/** Follows APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. */
export function makeZip(entries: Readonly<Record<string, string>>): Buffer {
  const files: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const [name, text] of Object.entries(entries)) {
    const body = Buffer.from(text)
    const title = Buffer.from(name)
    const sizes = [crc32(body), body.length, body.length]
    const file = Buffer.concat([
      writeWords(LOCAL),
      writeShorts(VERSION, 0, 0, 0, DAY),
      writeWords(...sizes),
      writeShorts(title.length, 0),
      title,
      body,
    ])
    directory.push(
      writeWords(CENTRAL),
      writeShorts(VERSION, VERSION, 0, 0, 0, DAY),
      writeWords(...sizes),
      writeShorts(title.length, 0, 0, 0, 0),
      writeWords(0, at),
      title,
    )
    files.push(file)
    at += file.length
  }
  const list = Buffer.concat(directory)
  const count = files.length
  return Buffer.concat([
    ...files,
    list,
    writeWords(END),
    writeShorts(0, 0, count, count),
    writeWords(list.length, at),
    writeShorts(0),
  ])
}

const END_BYTES = 22
const CENTRAL_BYTES = 46
const LOCAL_BYTES = 30
const DEFLATED = 8

/**
 * The files of an archive as texts, by name; folders are left out. Throws RangeError for what is no
 * archive, or one of several parts.
 */
export function readZip(bytes: Buffer): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  let end = bytes.length - END_BYTES
  while (end >= 0 && bytes.readUInt32LE(end) !== END) end--
  if (end < 0) throw new RangeError('This is no zip archive.')
  const count = bytes.readUInt16LE(end + 10)
  let at = bytes.readUInt32LE(end + 16)
  for (let left = count; left > 0; left--) {
    if (bytes.readUInt32LE(at) !== CENTRAL) throw new RangeError('The zip archive is damaged.')
    const method = bytes.readUInt16LE(at + 10)
    const size = bytes.readUInt32LE(at + 20)
    const lengths = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset))
    const [title = 0, extra = 0, remark = 0] = lengths
    const name = bytes.toString('utf8', at + CENTRAL_BYTES, at + CENTRAL_BYTES + title)
    const file = bytes.readUInt32LE(at + 42)
    const start = file + LOCAL_BYTES + bytes.readUInt16LE(file + 26) + bytes.readUInt16LE(file + 28)
    const body = bytes.subarray(start, start + size)
    const text = method === DEFLATED ? inflateRawSync(body) : body
    if (!name.endsWith('/')) files.set(name, text.toString('utf8'))
    at += CENTRAL_BYTES + title + extra + remark
  }
  return files
}

function writeWords(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4)
  return bytes
}

function writeShorts(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2)
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, index * 2)
  return bytes
}
