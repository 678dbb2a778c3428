/** Bytes for people: hexadecimal with the text beside it, sixteen a line. */
import { Buffer } from 'node:buffer'

const LINE_BYTES = 16

/** `00000010  0a 24 …  |.$…|` for the first `bytesMax` bytes; at most 78 columns a line. */
export function formatHexDump(bytes: Uint8Array, bytesMax: number): string[] {
  const shown = bytes.subarray(0, bytesMax)
  const lines: string[] = []
  for (let at = 0; at < shown.length; at += LINE_BYTES) {
    const line = shown.subarray(at, at + LINE_BYTES)
    const pairs = [...line].map((byte) => byte.toString(16).padStart(2, '0'))
    const left = pairs.slice(0, 8).join(' ').padEnd(23)
    const right = pairs.slice(8).join(' ').padEnd(23)
    const text = [...line].map(printable).join('')
    lines.push(`${at.toString(16).padStart(8, '0')}  ${left}  ${right}  |${text}|`)
  }
  if (bytes.length > shown.length) lines.push(`… and ${bytes.length - shown.length} bytes more`)
  return lines
}

/** The first bytes as one hexadecimal word, `…` where there are more. */
export function formatHexPrefix(bytes: Uint8Array, bytesMax: number): string {
  const { buffer, byteOffset } = bytes
  const hex = Buffer.from(buffer, byteOffset, Math.min(bytes.length, bytesMax)).toString('hex')
  return bytes.length > bytesMax ? `${hex}…` : hex
}

/** The bytes as text where they are UTF-8 without control characters but line ends and tabs; else undefined. */
export function decodeReadableText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return /[^\P{Cc}\n\r\t]/u.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

function printable(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'
}
