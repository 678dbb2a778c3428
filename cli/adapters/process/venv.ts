/**
 * A Python virtual environment made from a lock file, for dbt or the S3 server. A marker with the
 * lock file's hash is written last; without the right marker it is made again, so an interrupted
 * installation repairs itself. One process installs while others wait for it.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { CcsError } from '../../domain/kernel/errors.ts'
import { type FileLock, waitForLock } from '../files/file-lock.ts'
import { type Files, isErrno, listNames, writeFileAtomic } from '../files/files.ts'
import { type PythonExit, runPython } from './child.ts'
import { findPython } from './python.ts'

/** What is installed, for messages. */
export interface VenvPurpose {
  /** e.g. `dbt` */
  readonly name: string
  /** Begins a sentence that continues with a Python: `The marts need` */
  readonly needs: string
  /** Packages that a foreign environment must have in the lock file's versions. */
  readonly packages: readonly string[]
  /** Packages of the lock file that exist as source only: built last, with what is installed. */
  readonly sourceOnly?: readonly string[]
  /** Newest 3.x for which all packages have wheels; see findPython. */
  readonly pythonMinor?: number
  /** Begins a sentence: `Installing dbt for the marts` */
  readonly installing: string
  /** e.g. `about 60 MB to download, 170 MB on disk` */
  readonly size: string
  /** What to type after a failure, and what works without. */
  readonly next: string
  /** Makes the error of an interruption. */
  readonly stopped: () => CcsError
}

/** What to provide, and where. */
export interface VenvOptions {
  readonly files: Files
  readonly purpose: VenvPurpose
  /** Belongs to ccs unless the user named it with CCS_VENV. */
  readonly dir: string
  readonly lockFile: string
  readonly env: NodeJS.ProcessEnv
  /** Shown to processes that wait. */
  readonly owner: string
  readonly signal?: AbortSignal | undefined
  readonly isBackground?: boolean | undefined
  /** Announces a long step. */
  readonly onNotice: (text: string) => void
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

const MARKER = 'ccs-lock.json'

/** The lock file's hash, as in the marker. */
export async function hashLockFile(files: Files, lockFile: string): Promise<string> {
  const bytes = await files.readFile(lockFile)
  return createHash('sha256').update(bytes).digest('hex')
}

/** The interpreter of a complete environment for this lock file; undefined if there is none. */
export async function findReadyPython(
  files: Files,
  dir: string,
  lockFile: string,
): Promise<string | undefined> {
  const marker = await readMarker(files, dir)
  const python = pythonPath(dir)
  const isReady = marker === (await hashLockFile(files, lockFile)) && existsSync(python)
  return isReady ? python : undefined
}

/**
 * The interpreter, installing first if needed. Throws CCS_PYTHON_MISSING without a Python,
 * CCS_VENV_FAILED if packages can't be installed, CCS_VENV_FOREIGN for a foreign directory.
 */
export async function provideVenv(options: VenvOptions): Promise<string> {
  const { files, dir, lockFile } = options
  const ready = await findReadyPython(files, dir, lockFile)
  if (ready !== undefined) return ready
  await files.mkdir(path.dirname(dir))
  const lock = await takeInstallLock(options)
  try {
    const made = await findReadyPython(files, dir, lockFile)
    if (made !== undefined) return made
    return (await findForeignPython(options)) ?? (await install(options))
  } finally {
    await lock.release()
  }
}

function takeInstallLock({
  files,
  dir,
  owner,
  signal,
  purpose,
  onNotice,
}: VenvOptions): Promise<FileLock> {
  const place = { dir: path.dirname(dir), name: `${path.basename(dir)}-lock` }
  return waitForLock(files, place, owner, {
    onTry: () => throwIfStopped(signal, purpose),
    onWait: (who) => onNotice(`${who} is installing ${purpose.name}; waiting.`),
  })
}

/** A directory that somebody else made is used if it has the locked packages, never overwritten. */
async function findForeignPython({
  files,
  dir,
  lockFile,
  purpose,
}: VenvOptions): Promise<string | undefined> {
  const isOurs = (await readMarker(files, dir)) !== undefined
  if (isOurs || (await listNames(files, dir)).length === 0) return undefined
  const text = (await files.readFile(lockFile)).toString('utf8')
  const found = await listInstalled(files, dir)
  const lacks = purpose.packages.flatMap((name) => {
    const version = new RegExp(`^${name}==(\\S+)`, 'm').exec(text)?.[1] ?? ''
    return found.has(`${name.replaceAll('-', '_')}-${version}.dist-info`)
      ? []
      : `${name} ${version}`
  })
  if (lacks.length === 0) return pythonPath(dir)
  throw new CcsError(
    'CCS_VENV_FOREIGN',
    `${dir} was not made by ccs and lacks ${lacks.join(', ')}.`,
    { hint: 'Set CCS_VENV to an empty or new directory, or unset it to use .ccs/venv.' },
  )
}

async function install(options: VenvOptions): Promise<string> {
  const { files, dir, lockFile, env, purpose, onNotice, onProgress } = options
  const found = await findPython(env, purpose.needs, purpose.pythonMinor)
  if ('problem' in found)
    throw new CcsError('CCS_PYTHON_MISSING', found.problem, { hint: found.hint })
  onNotice(`${purpose.installing} into ${dir}, once (${purpose.size}).`)
  await files.remove(dir)
  await files.mkdir(dir)
  // Marks it as ccs's from the first moment on, and as incomplete.
  await writeMarker(files, dir, '')
  const step = (python: string, module: string, args: readonly string[], onLine = ignore) =>
    runPython({
      python,
      module,
      args,
      cwd: path.dirname(lockFile),
      env: { ...env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' },
      onLine,
      graceMs: 0, // an incomplete environment is made again
      signal: options.signal,
      isBackground: options.isBackground,
    })
  throwOnFailure(await step(found.path, 'venv', [dir]), options)
  const text = (await files.readFile(lockFile)).toString('utf8')
  const total = text.match(/^[a-z][\w.-]*==/gim)?.length ?? 0
  let done = 0
  const onLine = (line: string) => {
    if (line.startsWith('Collecting ')) onProgress?.(++done, total)
  }
  const { wheels, sources } = splitLock(text, purpose.sourceOnly ?? [])
  for (const [name, part, args] of [
    ['wheels.txt', wheels, WHEELS_ONLY],
    ['sources.txt', sources, FROM_SOURCE],
  ] as const) {
    if (part === '') continue
    const file = path.join(dir, name)
    await files.writeFile(file, Buffer.from(part))
    throwOnFailure(
      await step(pythonPath(dir), 'pip', [...PIP_INSTALL, ...args, '--requirement', file], onLine),
      options,
    )
  }
  await writeMarker(files, dir, await hashLockFile(files, lockFile))
  return pythonPath(dir)
}

// Each with its hash: only locked packages are installed.
const PIP_INSTALL = [
  'install',
  '--no-compile',
  '--no-deps',
  '--require-hashes',
  '--progress-bar=off',
]
const WHEELS_ONLY = ['--only-binary=:all:']
// With the locked build tools that are installed by then: pip would download others.
const FROM_SOURCE = ['--no-binary=:all:', '--no-build-isolation']

/** The lock file's text in two: packages with wheels, and those that must be built. */
function splitLock(text: string, sourceOnly: readonly string[]) {
  const entries = text.split(/^(?=[a-z][\w.-]*==)/im)
  const isSource = (entry: string) => sourceOnly.includes(/^[\w.-]+/.exec(entry)?.[0] ?? '')
  return {
    wheels: entries.filter((entry) => !isSource(entry)).join(''),
    sources: entries.filter(isSource).join(''),
  }
}

function ignore(_line: string): void {}

function throwOnFailure({ code, stderr }: PythonExit, { signal, dir, purpose }: VenvOptions): void {
  throwIfStopped(signal, purpose)
  if (code === 0) return
  if (/No space left on device|Errno 28/.test(stderr))
    throw new CcsError('CCS_DISK_FULL', `The disk is full: ${dir} can't be written.`, {
      hint: `Free some space, then: ${purpose.next}`,
    })
  const lines = stderr.split('\n').map((line) => line.trim())
  const last = lines.filter((line) => /^ERROR:|Error/.test(line)).at(-1) ?? lines.at(-2) ?? ''
  throw new CcsError(
    'CCS_VENV_FAILED',
    `${purpose.name} can't be installed: ${last.replace(/^ERROR:\s*/, '')}`,
    { hint: `Check the network and pip’s settings, then: ${purpose.next}` },
  )
}

/** Throws if the user or the caller wants to stop. */
function throwIfStopped(signal: AbortSignal | undefined, purpose: VenvPurpose): void {
  if (signal?.aborted) throw purpose.stopped()
}

function pythonPath(dir: string): string {
  return process.platform === 'win32' ? `${dir}/Scripts/python.exe` : `${dir}/bin/python`
}

async function listInstalled(files: Files, dir: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  const libs = await listNames(files, `${dir}/lib`)
  const places = libs.map((lib) => `${dir}/lib/${lib}/site-packages`)
  for (const place of [...places, `${dir}/Lib/site-packages`])
    for (const name of await listNames(files, place)) found.add(name)
  return found
}

async function readMarker(files: Files, dir: string): Promise<string | undefined> {
  try {
    const text = (await files.readFile(`${dir}/${MARKER}`)).toString('utf8')
    return String((JSON.parse(text) as { lock?: unknown }).lock) // may be missing
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    if (error instanceof SyntaxError) return ''
    throw error
  }
}

function writeMarker(files: Files, dir: string, lock: string): Promise<void> {
  return writeFileAtomic(files, `${dir}/${MARKER}`, Buffer.from(`${JSON.stringify({ lock })}\n`))
}
