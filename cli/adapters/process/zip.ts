/** Writes a small zip or jar, uncompressed; the same entries always give the same bytes. */
import { crc32 } from 'node:zlib'

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
