/**
 * Finds Python 3.10 or newer with the modules that create a virtual environment. Each candidate is
 * run and asked, because shims and stubs may only look like Python.
 */
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'

/** A Python that can be used. */
export interface FoundPython {
  readonly path: string
  /** e.g. `3.11.7` */
  readonly version: string
}

/** Why there is none. */
export interface MissingPython {
  /** One sentence. */
  readonly problem: string
  readonly hint: string
}

const MINOR_MIN = 10
/** Newer ones may lack wheels of some package: they are used only if there is no other. */
const MINOR_KNOWN = 13
const NAMES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python']
const TIMEOUT_MS = 20_000

const VERSION_SCRIPT = `
import sys
try:
    import ensurepip, venv
    can = 'yes'
except ImportError:
    can = 'no'
print('%d.%d.%d' % sys.version_info[:3], can)
`

/**
 * `needs` begins the message about a missing one: `The marts need`. Versions 3.x above `minorKnown`
 * are used only if there is no other.
 */
export async function findPython(
  env: NodeJS.ProcessEnv,
  needs: string,
  minorKnown = MINOR_KNOWN,
): Promise<FoundPython | MissingPython> {
  let newer: FoundPython | undefined
  let old: string | undefined
  let bare: string | undefined
  for (const name of NAMES) {
    const file = findOnPath(name, env)
    const answer = file === undefined ? undefined : await askVersion(file, env)
    if (file === undefined || answer === undefined) continue
    const [version = '', canMake] = answer.split(' ')
    const [major = 0, minor = 0] = version.split('.').map(Number)
    if (major !== 3 || minor < MINOR_MIN) old ??= `${name} is ${version}`
    else if (canMake !== 'yes') bare ??= version
    else if (minor <= minorKnown) return { path: file, version }
    else newer ??= { path: file, version }
  }
  if (newer) return newer
  if (bare !== undefined)
    return {
      problem: `Python ${bare} lacks the modules that create a virtual environment.`,
      hint: 'Install them (Debian, Ubuntu: apt install python3-venv); all else works without.',
    }
  return {
    problem:
      old === undefined
        ? `${needs} Python 3.${MINOR_MIN} or newer, and there is no Python on the PATH.`
        : `${needs} Python 3.${MINOR_MIN} or newer, and ${old}.`,
    hint: 'Install one (python3 on the PATH is enough); all else works without.',
  }
}

/** The first program of this name on the PATH of `env`. */
export function findOnPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const ending = process.platform === 'win32' ? '.exe' : ''
  for (const folder of (env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder, name + ending)
    try {
      if (folder !== '') accessSync(file, constants.X_OK)
      else continue
      return file
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}

function askVersion(file: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(file, ['-I', '-c', VERSION_SCRIPT], { env, timeout: TIMEOUT_MS }, (error, stdout) =>
      resolve(error === null && /^\d+\.\d+\.\d+ /.test(stdout) ? stdout.trim() : undefined),
    )
  })
}
