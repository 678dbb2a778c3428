/**
 * Whether a broker on this machine is ready for clients: its group and transaction coordinators
 * exist and have loaded their state. A fresh broker listens long before that, and a first consumer
 * would fail. Uses a few requests in their oldest versions; the first of them create the topics of
 * the coordinators.
 */
import { connect, type Socket } from 'node:net'

const TIMEOUT_MS = 3_000
const FIND_COORDINATOR = 10
const DESCRIBE_GROUPS = 15
const INIT_PRODUCER_ID = 22
/** One name per partition of the coordinators: it is the name's hash, 97 … 100, modulo 4. */
const NAMES = ['a', 'b', 'c', 'd']

/** False for everything that isn't ready, whatever the reason. */
export async function isBrokerReady(host: string, port: number): Promise<boolean> {
  try {
    const socket = await open(host, port)
    try {
      const group = await ask(socket, FIND_COORDINATOR, 1, [...text('a'), 0])
      const transaction = await ask(socket, FIND_COORDINATOR, 1, [...text('a'), 1])
      // Both begin with a throttle time, then the error.
      if (group.readInt16BE(4) !== 0 || transaction.readInt16BE(4) !== 0) return false
      const groups = [...int32(NAMES.length), ...NAMES.flatMap(text)]
      const errors = groupErrors(await ask(socket, DESCRIBE_GROUPS, 0, groups))
      for (const name of NAMES) {
        const producer = [...text(name), ...int32(TIMEOUT_MS)]
        errors.push((await ask(socket, INIT_PRODUCER_ID, 0, producer)).readInt16BE(4))
      }
      return errors.every((error) => error === 0)
    } finally {
      socket.destroy()
    }
  } catch {
    return false
  }
}

/** The error of each group in an answer: error, id, state, protocol type, protocol, members. */
function groupErrors(answer: Buffer): number[] {
  let at = 4
  return Array.from({ length: answer.readInt32BE(0) }, () => {
    const error = answer.readInt16BE(at)
    at += 2
    for (let texts = 0; texts < 4; texts++) at += 2 + Math.max(0, answer.readInt16BE(at))
    // These groups are empty; with members, the next read would not find an error code.
    if (answer.readInt32BE(at) !== 0) throw new Error('these groups have members')
    at += 4
    return error
  })
}

function open(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS })
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
    socket.once('timeout', () => reject(socket.destroy()))
  })
}

/** Sends one request; returns the answer's body. */
function ask(
  socket: Socket,
  api: number,
  version: number,
  body: readonly number[],
): Promise<Buffer> {
  const header = [...int16(api), ...int16(version), ...int32(api), ...text('ccs')]
  const request = [...header, ...body]
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0)
    const timer = setTimeout(() => end(new Error('no answer')), TIMEOUT_MS)
    const end = (result: Buffer | Error) => {
      clearTimeout(timer)
      socket.off('data', take).off('error', end).off('close', closed)
      if (result instanceof Error) reject(result)
      else resolve(result)
    }
    const closed = () => end(new Error('closed'))
    const take = (piece: Buffer) => {
      got = Buffer.concat([got, piece])
      if (got.length >= 4 && got.length >= 4 + got.readInt32BE(0)) end(got.subarray(8))
    }
    socket.on('data', take).on('error', end).on('close', closed)
    socket.write(Buffer.from([...int32(request.length), ...request]))
  })
}

function int16(value: number): readonly number[] {
  return [value >> 8, value & 255]
}

function int32(value: number): readonly number[] {
  return [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]
}

function text(value: string): readonly number[] {
  return [...int16(value.length), ...Buffer.from(value)]
}
