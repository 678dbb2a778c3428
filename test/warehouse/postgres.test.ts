/** The PostgreSQL of these tests: it answers, keeps others out, and nothing of it stays behind. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../e2e/run-ccs.ts'
import { startPostgres } from '../fixtures/postgres.ts'

test('a server answers PostgreSQL’s protocol until it is stopped and leaves no folder', async (context) => {
  const before = folders()
  const server = await startPostgres()
  if (typeof server === 'string') return context.skip(true, server)
  const [dir = ''] = folders().filter((name) => !before.includes(name))
  expect(await asksForPassword(server.port)).toBe(true)
  await server.stop()
  expect(await asksForPassword(server.port)).toBe(false)
  expect(server.log()).toContain('database system is shut down')
  expect(existsSync(`${tmpdir()}/${dir}`)).toBe(false)
})

test('the server and its folder go with the process that asked for them, also if it is killed', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'ccs-postgres-'))
  const guard = JSON.stringify([path.join(ROOT, 'test/fixtures/postgres-guard.js'), dir, ''])
  // Any program that runs until a signal ends it: the guard doesn't look at what it says.
  const script = `require('node:child_process').spawn(process.execPath,
    [...${guard}, 'sh', '-c', 'echo $$ > pid; exec sleep 600'],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true }); setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['-e', script], { stdio: 'ignore' })
  await until(() => existsSync(`${dir}/pid`) && readFileSync(`${dir}/pid`, 'utf8').endsWith('\n'))
  const pid = Number(readFileSync(`${dir}/pid`, 'utf8'))
  parent.kill('SIGKILL')
  await until(() => !existsSync(dir))
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

async function until(isSo: () => boolean): Promise<void> {
  for (let round = 0; !isSo(); round++) {
    if (round > 1500) throw new Error('It never came to that.')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function folders(): readonly string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('ccs-postgres-'))
}

/** Sends the first message of the protocol, version 3.0, for the user `ccs`; false: nobody is there. */
function asksForPassword(port: number): Promise<boolean> {
  const text = Buffer.from('user\0ccs\0database\0postgres\0\0')
  const message = Buffer.alloc(8 + text.length)
  message.writeInt32BE(message.length, 0)
  message.writeInt32BE(3 << 16, 4)
  text.copy(message, 8)
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(message))
    socket.once('error', () => resolve(false))
    socket.once('data', (answer) => {
      socket.destroy()
      // `R`: authentication; 10: SASL, which means that the password is asked for.
      resolve(answer.toString('latin1', 0, 1) === 'R' && answer.readInt32BE(5) === 10)
    })
  })
}
