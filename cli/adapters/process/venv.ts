/**
 * A virtual environment (dbt's, the S3 server's), made of a lock file. A marker in it names the lock file's hash and
 * is written last: what has none, or another, is made again, so a killed installation repairs itself. One
 * process installs, others wait for it.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { type FileLock, waitForLock } from '../files/file-lock.ts'
import { type Files, isErrno, writeFileAtomic } from '../files/files.ts'
import { type PythonEnd, runPython } from './child.ts'
import { findPython } from './python.ts'

/** What is installed, in words for people. */
export interface VenvPurpose {
  /** `dbt` */
  readonly name: string
  /** `The marts need`: begins a sentence that goes on with a Python. */
  readonly needs: string
  /** Packages that a foreign environment must have, in the lock file's versions. */
  readonly packages: readonly string[]
  /** Beginning of a sentence: `Installing dbt for the marts` */
  readonly installing: string
  /** `about 60 MB to load, 170 MB on disk` */
  readonly size: string
  /** What to type when it failed, and what works without. */
  readonly next: string
  /** The error of a stop. */
  readonly stopped: () => CcsError
}

export interface VenvOptions {
  readonly files: Files
  readonly purpose: VenvPurpose
  /** Where it lies; ours unless somebody named it with CCS_VENV. */
  readonly dir: string
  readonly lockFile: string
  readonly env: NodeJS.ProcessEnv
  /** For who waits: what holds the lock. */
  readonly owner: string
  readonly signal?: AbortSignal | undefined
  readonly isBackground?: boolean | undefined
  /** A sentence before something long. */
  readonly onNotice: (text: string) => void
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

const MARKER = 'ccs-lock.json'

/** Hash of a lock file, as the marker names it. */
export async function lockHash(files: Files, lockFile: string): Promise<string> {
  const bytes = await files.readFile(lockFile)
  return createHash('sha256').update(bytes).digest('hex')
}

/** The interpreter of a finished environment for this lock file; undefined when there is none. */
export async function readyPython(
  files: Files,
  dir: string,
  lockFile: string,
): Promise<string | undefined> {
  const marker = await readMarker(files, dir)
  const python = pythonIn(dir)
  const isReady = marker === (await lockHash(files, lockFile)) && existsSync(python)
  return isReady ? python : undefined
}

/**
 * Gives the interpreter, installing first when needed. Throws CCS_PYTHON_MISSING without a Python,
 * CCS_VENV_FAILED when the packages can't be had, CCS_VENV_FOREIGN for a directory that is not ours.
 */
export async function provideVenv(options: VenvOptions): Promise<string> {
  const { files, dir, lockFile } = options
  const ready = await readyPython(files, dir, lockFile)
  if (ready !== undefined) return ready
  await files.mkdir(path.dirname(dir))
  const lock = await lockOf(options)
  try {
    const made = await readyPython(files, dir, lockFile)
    if (made !== undefined) return made
    return (await foreignPython(options)) ?? (await install(options))
  } finally {
    await lock.release()
  }
}

function lockOf({ files, dir, owner, signal, purpose, onNotice }: VenvOptions): Promise<FileLock> {
  const place = { dir: path.dirname(dir), name: `${path.basename(dir)}-lock` }
  return waitForLock(files, place, owner, {
    onTry: () => throwIfStopped(signal, purpose),
    onWait: (holder) =>
      onNotice(`${holder.owner} (pid ${holder.pid}) is installing ${purpose.name}; waiting.`),
  })
}

/** A directory that somebody else made: used when it has what the lock file asks for, never overwritten. */
async function foreignPython({
  files,
  dir,
  lockFile,
  purpose,
}: VenvOptions): Promise<string | undefined> {
  const isOurs = (await readMarker(files, dir)) !== undefined
  if (isOurs || (await namesIn(files, dir)).length === 0) return undefined
  const text = (await files.readFile(lockFile)).toString('utf8')
  const found = await installed(files, dir)
  const lacks = purpose.packages.flatMap((name) => {
    const version = new RegExp(`^${name}==(\\S+)`, 'm').exec(text)?.[1] ?? ''
    return found.has(`${name.replaceAll('-', '_')}-${version}.dist-info`)
      ? []
      : `${name} ${version}`
  })
  if (lacks.length === 0) return pythonIn(dir)
  throw new CcsError(
    'CCS_VENV_FOREIGN',
    `${dir} was not made by ccs and lacks ${lacks.join(', ')}.`,
    {
      exit: EXIT.usage,
      hint: 'Name an empty or new directory in CCS_VENV, or none: then ccs keeps its own in .ccs/venv.',
    },
  )
}

async function install(options: VenvOptions): Promise<string> {
  const { files, dir, lockFile, env, purpose, onNotice, onProgress } = options
  const found = await findPython(env, purpose.needs)
  if ('problem' in found)
    throw new CcsError('CCS_PYTHON_MISSING', found.problem, {
      exit: EXIT.unreachable,
      hint: found.hint,
    })
  onNotice(`${purpose.installing} into ${dir}, once (${purpose.size}).`)
  await files.remove(dir)
  await files.mkdir(dir)
  // Ours from the first moment on, and not finished.
  await writeMarker(files, dir, '')
  const step = (python: string, module: string, args: readonly string[], onLine = ignore) =>
    runPython({
      python,
      module,
      args,
      cwd: path.dirname(lockFile),
      env: { ...env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' },
      onLine,
      graceMs: 0, // what is half is made again
      signal: options.signal,
      isBackground: options.isBackground,
    })
  check(await step(found.path, 'venv', [dir]), options)
  const text = (await files.readFile(lockFile)).toString('utf8')
  const total = text.match(/^[a-z][\w.-]*==/gim)?.length ?? 0
  let done = 0
  check(
    await step(pythonIn(dir), 'pip', [...PIP_INSTALL, lockFile], (line) => {
      if (line.startsWith('Collecting ')) onProgress?.(++done, total)
    }),
    options,
  )
  await writeMarker(files, dir, await lockHash(files, lockFile))
  return pythonIn(dir)
}

// Wheels only and each with its hash: nothing is built here, nothing but what the lock file names comes in.
const PIP_INSTALL = [
  'install',
  '--no-compile',
  '--no-deps',
  '--only-binary=:all:',
  '--require-hashes',
  '--progress-bar=off',
  '--requirement',
]

const ignore = (_line: string) => undefined

function check({ code, stderr }: PythonEnd, { signal, dir, purpose }: VenvOptions): void {
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
    {
      exit: EXIT.unreachable,
      hint: `Look at the network and at pip’s settings, then: ${purpose.next}`,
    },
  )
}

/** Throws when the person, or what runs us, wants an end. */
function throwIfStopped(signal: AbortSignal | undefined, purpose: VenvPurpose): void {
  if (signal?.aborted) throw purpose.stopped()
}

function pythonIn(dir: string): string {
  return process.platform === 'win32' ? `${dir}/Scripts/python.exe` : `${dir}/bin/python`
}

async function installed(files: Files, dir: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  const libs = await namesIn(files, `${dir}/lib`)
  const places = libs.map((lib) => `${dir}/lib/${lib}/site-packages`)
  for (const place of [...places, `${dir}/Lib/site-packages`])
    for (const name of await namesIn(files, place)) found.add(name)
  return found
}

async function readMarker(files: Files, dir: string): Promise<string | undefined> {
  try {
    const text = (await files.readFile(`${dir}/${MARKER}`)).toString('utf8')
    return String((JSON.parse(text) as { lock?: unknown }).lock) // any document has it or not
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    if (error instanceof SyntaxError) return ''
    throw error
  }
}

function writeMarker(files: Files, dir: string, lock: string): Promise<void> {
  return writeFileAtomic(files, `${dir}/${MARKER}`, Buffer.from(`${JSON.stringify({ lock })}\n`))
}

async function namesIn(files: Files, dir: string): Promise<readonly string[]> {
  return files.readdir(dir).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return []
    throw error
  })
}
