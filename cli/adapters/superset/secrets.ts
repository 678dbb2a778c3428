/** Files of `.ccs/superset` that only their owner can read. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import type { Files } from '../files/files.ts'

const DEMO_PASSWORD = 'admin'

/** undefined without the file. */
export async function readText(files: Files, file: string): Promise<string | undefined> {
  return existsSync(file) ? (await files.readFile(file)).toString('utf8') : undefined
}

/** Creates it, or takes all rights of others from it. */
export async function makePrivateDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await chmod(dir, 0o700)
}

/** The text of a file that only its owner can read; written if it is not there. */
export async function provideSecret(
  files: Files,
  file: string,
  make: () => string,
): Promise<string> {
  const known = (await readText(files, file))?.trim()
  if (known) {
    await chmod(file, 0o600)
    return known
  }
  const secret = make()
  await rm(file, { force: true })
  await writeFile(file, `${secret}\n`, { mode: 0o600, flag: 'wx' })
  return secret
}

/** The demo's password is nobody's secret: without the demo it is replaced. */
export async function providePassword(files: Files, file: string, isDemo: boolean) {
  const known = (await readText(files, file))?.trim() ?? ''
  const isKept = known !== '' && (known === DEMO_PASSWORD) === isDemo
  if (!isKept) await rm(file, { force: true })
  const make = () => (isDemo ? DEMO_PASSWORD : randomBytes(18).toString('base64url'))
  return { password: await provideSecret(files, file, make), isNew: !isKept }
}
