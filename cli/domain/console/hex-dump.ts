/** Bytes as people read them: hexadecimal with the text beside it, sixteen per line. */
import { Buffer } from 'node:buffer'

const LINE_BYTES = 16

/** Lines such as `00000010  0a 24 …  |.$…|` for the first `bytesMax` bytes, 78 columns at most. */
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

/** The first `bytesMax` bytes as one hexadecimal word, followed by `…` if there are more. */
export function formatHexPrefix(bytes: Uint8Array, bytesMax: number): string {
  const { buffer, byteOffset } = bytes
  const hex = Buffer.from(buffer, byteOffset, Math.min(bytes.length, bytesMax)).toString('hex')
  return bytes.length > bytesMax ? `${hex}…` : hex
}

/**
 * The bytes as text; undefined if they are not UTF-8 or hold control characters, line ends and tabs
 * aside.
 */
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
