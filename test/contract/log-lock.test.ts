/**
 * One writer per partition: exclusive, freed by close, taken over from a dead process by one other.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { takeLock } from '../../cli/adapters/files/file-lock.ts'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import type { Processes } from '../../cli/adapters/files/process-id.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import type { EventLog, LogWriter } from '../../cli/domain/log/event-log.ts'
import { createBatch, readBack } from '../fixtures/log-records.ts'
import { transpileCli } from '../fixtures/transpiled-cli.ts'
import { withoutKernelLocks } from '../fixtures/without-kernel-locks.ts'

const TOPIC = 'events.raw'

let code: string
let dir: string
let log: EventLog
const children: ChildProcess[] = []

beforeAll(async () => {
  code = await mkdtemp(join(tmpdir(), 'ccs-log-code-'))
  transpileCli(code)
  writeFileSync(join(code, 'child.js'), CHILD)
})

afterAll(() => rm(code, { recursive: true, force: true }))

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-log-lock-'))
  log = openLocalLog({ dir, files: diskFiles() })
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await log.close()
  await rm(dir, { recursive: true, force: true })
})

/**
 * Starts a process that appends until it is killed and prints each offset, or why it can't write.
 */
const CHILD = `
import { RecordBatch } from './domain/log/record-batch.js'
import { diskFiles } from './adapters/files/files.js'
import { openLocalLog } from './adapters/log/local-log.js'
const [dir, owner] = process.argv.slice(2)
const log = openLocalLog({ dir, files: diskFiles() })
try {
  const writer = await log.writer('events.raw', 0, owner)
  for (let n = 0; ; n++) {
    const offset = await writer.append(RecordBatch.of([Buffer.from(owner + n)]), n)
    process.stdout.write('appended ' + offset + '\\n')
  }
} catch (error) {
  process.stdout.write(error.code + ' ' + error.message + '\\n')
}
`

interface Child {
  readonly pid: number
  /** The first line that it printed. */
  readonly begins: Promise<string>
  /** Kills it; returns its last acknowledged offset, -1 if there is none. */
  kill(): Promise<number>
}

function startChild(owner: string): Child {
  const child = spawn(process.execPath, [join(code, 'child.js'), dir, owner], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let output = ''
  const begins = new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (bytes: Buffer) => {
      output += bytes.toString('utf8')
      if (output.includes('\n')) resolve(output.slice(0, output.indexOf('\n')))
    })
    child.on('close', () => reject(new Error(`child ${owner} ended without a word`)))
  })
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()))
  return {
    pid: child.pid ?? -1,
    begins,
    kill: async () => {
      child.kill('SIGKILL')
      await closed
      return Number(/appended (\d+)\n(?:appended \d*)?$/.exec(output)?.[1] ?? -1)
    },
  }
}

describe('the lock of a partition', () => {
  test("a second writer is refused with the holder's name until the first closes", async () => {
    const writer = await log.writer(TOPIC, 0, 'ccs gen')
    await expect(log.writer(TOPIC, 0, 'ccs import')).rejects.toMatchObject({
      code: 'CCS_LOG_LOCKED',
      message: `${TOPIC}-0 is being written by ccs gen (pid ${process.pid}).`,
    })
    await (await log.writer(TOPIC, 1, 'ccs import')).close()
    await writer.close()
    await (await log.writer(TOPIC, 0, 'ccs import')).close()
  })

  test('exactly one of many simultaneous writers gets it, 10 times', async () => {
    for (let round = 0; round < 10; round++) {
      const results = await Promise.allSettled(
        [0, 1, 2, 3].map((n) => log.writer(TOPIC, 0, `racer ${n}`)),
      )
      const writers = results.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []))
      const reasons = results.flatMap((r) => (r.status === 'rejected' ? [r.reason.code] : []))
      expect([writers.length, reasons]).toEqual([
        1,
        ['CCS_LOG_LOCKED', 'CCS_LOG_LOCKED', 'CCS_LOG_LOCKED'],
      ])
      await writers[0]?.close()
    }
  })

  test('without locks of the kernel, exactly one takes over from the dead, 100 times', async () => {
    const files = withoutKernelLocks(diskFiles())
    for (let life = 0; life < 100; life++) {
      // Each round is another process, which leaves its lock behind.
      const processes: Processes = {
        self: () => ({ pid: life, host: 'here', started: '' }),
        isAlive: (other) => other.pid === life,
      }
      const attempts = await Promise.all(
        [0, 1, 2, 3, 4].map((n) =>
          takeLock(files, { dir, name: 'lock' }, `racer ${n}`, { processes }),
        ),
      )
      expect(attempts.filter((attempt) => attempt.taken).length).toBe(1)
      expect(attempts.filter((attempt) => !attempt.taken && attempt.pid === life).length).toBe(4)
    }
    expect(readdirSync(dir).length).toBeLessThan(5)
  })

  test('a process with the same pid but another start time does not hold it', async () => {
    const holder = {
      pid: process.pid,
      host: hostname(),
      started: 'earlier boot/1',
      owner: 'ccs gen',
    }
    const partition = join(dir, `${TOPIC}-0`)
    await diskFiles().mkdir(partition)
    writeFileSync(join(partition, 'writer-7'), JSON.stringify(holder))
    const writer = await log.writer(TOPIC, 0, 'ccs import')
    expect(await writer.append(createBatch(0, 1), 1)).toBe(0)
    await writer.close()
  })

  test('a holder on another host keeps it, and the hint names the file to delete', async () => {
    const holder = { pid: 1, host: 'elsewhere', started: '', owner: 'ccs gen' }
    const partition = join(dir, `${TOPIC}-0`)
    await diskFiles().mkdir(partition)
    writeFileSync(join(partition, 'writer-7'), JSON.stringify(holder))
    await expect(log.writer(TOPIC, 0, 'ccs import')).rejects.toMatchObject({
      message: `${TOPIC}-0 is being written by ccs gen (pid 1 on elsewhere).`,
      hint: expect.stringContaining(join(partition, 'writer-7')),
    })
  })

  test('one of several processes gets it; after kill -9 another takes over', async () => {
    let acknowledged = -1
    for (let round = 0; round < 3; round++) {
      const racers = ['a', 'b', 'c'].map(startChild)
      const first = await Promise.all(racers.map((racer) => racer.begins))
      const winner = racers[first.findIndex((line) => line.startsWith('appended'))]
      expect(first.filter((line) => line.startsWith('appended')).length).toBe(1)
      const naming = first.filter((line) => line.includes(`(pid ${winner?.pid})`))
      expect(naming.length).toBe(2)
      const refused: unknown = await log.writer(TOPIC, 0, 'test').catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 'CCS_LOG_LOCKED' })
      acknowledged = Math.max(acknowledged, (await winner?.kill()) ?? -1)
      expect((await readBack(log, TOPIC)).records.length).toBeGreaterThan(acknowledged)
    }
    const writer: LogWriter = await log.writer(TOPIC, 0, 'test')
    expect(await writer.append(createBatch(0, 1), 1)).toBeGreaterThan(acknowledged)
  })
})
