/** Daemons are found by their note, and no other process is ever signalled. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isSame, readNote, startDaemon, stopDaemon } from '../../cli/adapters/process/daemon.ts'

const dir = mkdtempSync(path.join(tmpdir(), 'ccs-daemon-'))
const place = { noteFile: path.join(dir, 'note.json'), logFile: path.join(dir, 'out.log') }
const foreignProcesses: ChildProcess[] = []

beforeEach(() => mkdirSync(dir, { recursive: true }))

afterEach(async () => {
  await stopDaemon(place, 0)
  for (const one of foreignProcesses.splice(0)) one.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
})

function start(script: string) {
  return startDaemon(place, {
    command: process.execPath,
    args: ['-e', script],
    cwd: dir,
    env: process.env,
  })
}

async function said(text: string): Promise<void> {
  while (!readFileSync(place.logFile, 'utf8').includes(text))
    await new Promise((resolve) => setTimeout(resolve, 20))
}

test('a program has a note until it is stopped, and its output is in the log', async () => {
  const note = await start('console.log("here"); setInterval(() => {}, 1000)')
  await said('here')
  expect(readNote(place)).toEqual(note)
  expect(isSame(note)).toBe(true)
  await stopDaemon(place, 10_000)
  expect(isSame(note)).toBe(false)
  expect(readNote(place)).toBeUndefined()
})

test('a program that ignores SIGTERM is killed', async () => {
  const note = await start(
    'process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1000)',
  )
  await said('ready')
  await stopDaemon(place, 200)
  expect(isSame(note)).toBe(false)
})

test.each(['0/1', ''])(
  'another process with the noted pid, started at %j, is never signalled',
  async (started) => {
    const foreign = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      stdio: 'ignore',
    })
    foreignProcesses.push(foreign)
    const note = {
      pid: foreign.pid ?? 0,
      host: hostname(),
      started,
      since: '2026-01-01T00:00:00Z',
    }
    writeFileSync(place.noteFile, JSON.stringify(note))
    expect(isSame(note)).toBe(false)
    await stopDaemon(place, 200)
    expect(foreign.exitCode ?? foreign.signalCode).toBeNull()
    expect(existsSync(place.noteFile)).toBe(false)
  },
)

test('a missing program is an error and leaves no note', async () => {
  const missing = { command: path.join(dir, 'none'), args: [], cwd: dir, env: process.env }
  await expect(startDaemon(place, missing)).rejects.toThrow(/ENOENT/)
  expect(readNote(place)).toBeUndefined()
})

test('a damaged note names no process', () => {
  for (const text of ['', '{', '[]', '{"pid":1}', '{"pid":-1,"host":"","started":"","since":""}']) {
    writeFileSync(place.noteFile, text)
    expect(readNote(place)).toBeUndefined()
  }
})
