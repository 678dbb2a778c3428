/**
 * Reads the body of a request within limits, and the JSON in it. What is too large is not read to
 * its end, and what unpacks to too much is not unpacked.
 */
import { Buffer, isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { parseJsonExactly } from '../../domain/documents/json-lines.ts'
import { RowFault } from '../../domain/documents/source-row.ts'
import { readErrno } from '../../domain/kernel/errno.ts'
import { Refusal } from './answers.ts'

const unpack = promisify(gunzip)

/** The bytes of the body, unpacked. */
export async function readBody(
  request: IncomingMessage,
  bytesMax: number,
): Promise<Buffer | Refusal> {
  const tooLarge = new Refusal(413, `A request may have ${bytesMax} bytes; send fewer events.`)
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return tooLarge
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity' && encoding !== 'gzip')
    return new Refusal(415, 'The body may be packed by gzip, or not at all.')
  const body = await collect(request, bytesMax)
  if (body === 'too large') return tooLarge
  if (body === 'gone') return new Refusal(400, 'The request ended before its body did.')
  if (encoding === 'identity') return body
  try {
    return await unpack(body, { maxOutputLength: bytesMax })
  } catch (error) {
    if (readErrno(error) === 'ERR_BUFFER_TOO_LARGE') return tooLarge
    return new Refusal(400, 'The body is not gzip.')
  }
}

function collect(
  request: IncomingMessage,
  bytesMax: number,
): Promise<Buffer | 'too large' | 'gone'> {
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    let bytes = 0
    request.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes > bytesMax) {
        request.removeAllListeners('data').pause()
        resolve('too large')
      } else parts.push(part)
    })
    request.on('end', () =>
      resolve(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)),
    )
    request.on('error', () => resolve('gone')).on('close', () => resolve('gone'))
  })
}

/** The JSON of a body, or why it is none. `isExact`: long numbers become text. */
export function readJson(body: Buffer, isExact: boolean): unknown | RowFault {
  if (!isUtf8(body)) return new RowFault('undecodable', 'The body is not UTF-8.')
  const text = body.toString('utf8')
  try {
    return isExact ? parseJsonExactly(text) : JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return new RowFault('invalid_json', `The body is not JSON: ${why}`)
  }
}

/** The lines of NDJSON; a line that is none is a fault, with its bytes. Blank lines are none. */
export function readJsonLines(
  body: Buffer,
): readonly { readonly value: unknown; readonly bytes: Buffer }[] {
  const lines: { value: unknown; bytes: Buffer }[] = []
  for (let at = 0; at < body.length; ) {
    const found = body.indexOf(10, at)
    const end = found < 0 ? body.length : found
    const bytes = body.subarray(at, end)
    at = end + 1
    if (bytes.length === 0 || (bytes.length === 1 && bytes[0] === 13)) continue
    lines.push({ value: readJson(bytes, false), bytes })
  }
  return lines
}
