/** Finds Java, which the servers of `ccs stack` run on, and Maven, which downloads them. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { CcsError } from '../../domain/kernel/errors.ts'
import { findOnPath } from './python.ts'

const MAJOR_MIN = 17
const TIMEOUT_MS = 20_000

/** Path of Java 17 or newer: JAVA_HOME's, else the PATH's. Throws CCS_JAVA_MISSING. */
export async function findJava(env: NodeJS.ProcessEnv): Promise<string> {
  const home = env.JAVA_HOME && path.join(env.JAVA_HOME, 'bin/java')
  let old: string | undefined
  for (const file of [home, findOnPath('java', env)]) {
    const version = file ? await readVersion(file, env) : undefined
    if (!file || version === undefined) continue
    if (parseMajor(version) >= MAJOR_MIN) return file
    old ??= version
  }
  throw new CcsError(
    'CCS_JAVA_MISSING',
    old === undefined
      ? `The servers need Java ${MAJOR_MIN} or newer, and none was found.`
      : `The servers need Java ${MAJOR_MIN} or newer, but this is Java ${old}.`,
    {
      hint:
        `Install one (on Debian and Ubuntu: apt install openjdk-${MAJOR_MIN}-jre-headless), ` +
        'or set JAVA_HOME.',
    },
  )
}

/** Path of Maven. Throws CCS_MAVEN_MISSING. */
export function findMaven(env: NodeJS.ProcessEnv): string {
  const file = findOnPath('mvn', env)
  if (file !== undefined) return file
  throw new CcsError('CCS_MAVEN_MISSING', 'Maven downloads the servers, and it was not found.', {
    hint: 'Install it (on Debian and Ubuntu: apt install maven); it is only needed to download.',
  })
}

/** `17.0.15` gives 17, `1.8.0_392` 8. */
export function parseMajor(version: string): number {
  const [first = 0, second = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return first === 1 ? second : first
}

/** From `java -version`; undefined if the program isn't Java. */
function readVersion(file: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(file, ['-version'], { env, timeout: TIMEOUT_MS }, (error, _stdout, stderr) =>
      resolve(error === null ? /version "([^"]+)"/.exec(stderr)?.[1] : undefined),
    )
  })
}
