/**
 * The files that a server runs on, in a cache that all projects share: downloaded by Maven as a
 * POM says, stored under the POM's hash, and checked against their checksums before each use. A
 * folder appears only when it is complete; one process downloads while others wait for it.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { compareSums } from '../../domain/devstack/servers.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { waitForLock } from '../files/file-lock.ts'
import { type Files, writeFileAtomic } from '../files/files.ts'
import { clearScratch, makeScratch } from '../files/scratch-dir.ts'
import { findMaven } from './java.ts'

/** What to provide. */
export interface Bundle {
  readonly name: string
  /** Absolute path of its POM, which copies everything to target/dependency. */
  readonly pom: string
  /** SHA-256 by path: these files and no others must be there. */
  readonly sums: ReadonlyMap<string, string>
  /** Files that are written, not downloaded. */
  readonly written: Readonly<Record<string, Buffer>>
}

/** How to provide it. */
export interface BundleOptions {
  readonly files: Files
  readonly cacheDir: string
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  /** Makes the error of an interruption. */
  readonly stopped: () => CcsError
  readonly onNotice: (text: string) => void
  /** `done` archives have been downloaded. */
  readonly onProgress: (bundle: string, done: number) => void
}

/** Path of a folder with exactly the bundle's files. Throws CCS_STACK_DAMAGED if it differs. */
export async function provideBundle(bundle: Bundle, options: BundleOptions): Promise<string> {
  const { files, cacheDir } = options
  const hash = createHash('sha256').update(await files.readFile(bundle.pom))
  const key = hash.digest('hex').slice(0, 16)
  const dir = path.join(cacheDir, key)
  // A folder within the folder, because Connect expects its plugins as folders of a folder.
  const inner = path.join(dir, bundle.name)
  if (!existsSync(dir)) await fetchOnce(bundle, dir, options)
  await requireSums(bundle, inner, `Remove ${dir}`)
  return inner
}

/** Compares the files of a folder with the list; throws CCS_STACK_DAMAGED if they differ. */
export async function requireSums(
  bundle: Pick<Bundle, 'name' | 'sums'>,
  dir: string,
  hint: string,
): Promise<void> {
  const faults = await findFaults(bundle, dir)
  if (faults.length > 0) throw damagedError(bundle, faults, { dir, hint })
}

async function fetchOnce(bundle: Bundle, dir: string, options: BundleOptions): Promise<void> {
  const { files, cacheDir, signal } = options
  await files.mkdir(cacheDir)
  const place = { dir: cacheDir, name: `${path.basename(dir)}-lock` }
  const lock = await waitForLock(files, place, `fetching ${bundle.name}`, {
    onTry: () => {
      if (signal.aborted) throw options.stopped()
    },
    onWait: (who) => options.onNotice(`${who}; waiting for it.`),
  })
  try {
    if (!existsSync(dir)) await fetchInto(bundle, dir, options)
  } finally {
    await lock.release()
  }
}

async function fetchInto(bundle: Bundle, dir: string, options: BundleOptions): Promise<void> {
  const { files, cacheDir } = options
  const place = { parent: cacheDir, name: `${path.basename(dir)}-part` }
  await clearScratch(files, place, { nowMs: Date.now() })
  const part = await makeScratch(files, place)
  try {
    await files.writeFile(path.join(part, 'pom.xml'), await files.readFile(bundle.pom))
    await runMaven(bundle, part, options)
    const fetched = path.join(part, 'target/dependency')
    for (const [name, bytes] of Object.entries(bundle.written))
      await writeFileAtomic(files, path.join(fetched, name), bytes)
    const faults = await findFaults(bundle, fetched)
    if (faults.length > 0)
      throw damagedError(bundle, faults, {
        dir: 'The download',
        hint: 'Check where Maven downloads from',
      })
    await files.mkdir(path.join(part, 'whole'))
    await files.rename(fetched, path.join(part, 'whole', bundle.name))
    await files.rename(path.join(part, 'whole'), dir)
  } finally {
    await files.remove(part)
  }
}

function damagedError(
  { name }: Pick<Bundle, 'name'>,
  faults: readonly string[],
  { dir, hint }: { readonly dir: string; readonly hint: string },
): CcsError {
  const more = faults.length > 3 ? ` and ${faults.length - 3} more` : ''
  return new CcsError(
    'CCS_STACK_DAMAGED',
    `${dir} differs from checksums.sha256 for ${name}: ${faults.slice(0, 3).join(', ')}${more}.`,
    { hint: `Nothing was started. ${hint}, then: ccs stack up` },
  )
}

async function findFaults(bundle: Pick<Bundle, 'sums'>, dir: string): Promise<readonly string[]> {
  const found = new Map<string, string>()
  const entries = existsSync(dir)
    ? await readdir(dir, { recursive: true, withFileTypes: true })
    : []
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const file = path.join(entry.parentPath, entry.name)
    const name = path.relative(dir, file).split(path.sep).join('/')
    found.set(name, entry.isFile() ? await hashFile(file) : 'no file')
  }
  return compareSums(bundle.sums, found)
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}

/** Names no repository: this machine's Maven settings decide where to download from. */
async function runMaven(bundle: Bundle, dir: string, options: BundleOptions): Promise<void> {
  const maven = findMaven(options.env)
  if (options.signal.aborted) throw options.stopped()
  const args = [
    '--batch-mode',
    '--update-snapshots',
    '--file',
    path.join(dir, 'pom.xml'),
    'package',
  ]
  const child = spawn(maven, args, {
    cwd: dir,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const stop = () => {
    // The whole process group, because mvn is a script that starts Java.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  options.signal.addEventListener('abort', stop, { once: true })
  const faults: string[] = []
  let done = 0
  options.onProgress(bundle.name, done)
  const onLine = (line: string) => {
    if (/Downloaded from .*\.(jar|gz) /.test(line)) options.onProgress(bundle.name, ++done)
    const fault = /^\[ERROR\] (.+)/.exec(line)?.[1]
    if (fault !== undefined) faults.push(fault)
  }
  createInterface({ input: child.stdout }).on('line', onLine)
  createInterface({ input: child.stderr }).on('line', onLine)
  const timer = setTimeout(stop, FETCH_MS_MAX)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).finally(() => {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', stop)
  })
  if (options.signal.aborted) throw options.stopped()
  if (code === 0) return
  const reason = faults[0]?.replace(/ -> \[Help 1\]$/, '') ?? `it ended with ${code}`
  throw new CcsError('CCS_FETCH_FAILED', `Maven can't download ${bundle.name}: ${reason}`, {
    hint: 'Check the network and Maven’s settings (~/.m2/settings.xml), then: ccs stack up',
  })
}

const FETCH_MS_MAX = 30 * 60_000
