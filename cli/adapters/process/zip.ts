/** Writes a small zip or jar: entries as they are, without compression, always the same bytes for the same texts. */
import { crc32 } from 'node:zlib'

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const VERSION = 20
/** 1 January 1980: the first day that the format knows. */
const DAY = 0x21

/** After APPNOTE 6.3.10, parts 4.3.7, 4.3.12 and 4.3.16. */
export function zipOf(entries: Readonly<Record<string, string>>): Buffer {
  const files: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const [name, text] of Object.entries(entries)) {
    const body = Buffer.from(text)
    const title = Buffer.from(name)
    const sizes = [crc32(body), body.length, body.length]
    const file = Buffer.concat([
      words(LOCAL),
      shorts(VERSION, 0, 0, 0, DAY),
      words(...sizes),
      shorts(title.length, 0),
      title,
      body,
    ])
    directory.push(
      words(CENTRAL),
      shorts(VERSION, VERSION, 0, 0, 0, DAY),
      words(...sizes),
      shorts(title.length, 0, 0, 0, 0),
      words(0, at),
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
    words(END),
    shorts(0, 0, count, count),
    words(list.length, at),
    shorts(0),
  ])
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4)
  return bytes
}

function shorts(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2)
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, index * 2)
  return bytes
}
