/** Finds a Java that the servers of `ccs stack` run on, and Maven, which fetches them. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { onPath } from './python.ts'

const MAJOR_MIN = 17
const TIMEOUT_MS = 20_000

/** Path of a Java 17 or newer: JAVA_HOME's, else the PATH's. Throws CCS_JAVA_MISSING. */
export async function findJava(env: NodeJS.ProcessEnv): Promise<string> {
  const home = env.JAVA_HOME && path.join(env.JAVA_HOME, 'bin/java')
  let old: string | undefined
  for (const file of [home, onPath('java', env)]) {
    const version = file ? await versionOf(file, env) : undefined
    if (!file || version === undefined) continue
    if (majorOf(version) >= MAJOR_MIN) return file
    old ??= version
  }
  throw new CcsError(
    'CCS_JAVA_MISSING',
    old === undefined
      ? `The servers need Java ${MAJOR_MIN} or newer, and there is none.`
      : `The servers need Java ${MAJOR_MIN} or newer, and this is Java ${old}.`,
    {
      exit: EXIT.unreachable,
      hint: `Install one (on Debian and Ubuntu: apt install openjdk-${MAJOR_MIN}-jre-headless), or name it in JAVA_HOME.`,
    },
  )
}

/** Path of Maven. Throws CCS_MAVEN_MISSING. */
export function findMaven(env: NodeJS.ProcessEnv): string {
  const file = onPath('mvn', env)
  if (file !== undefined) return file
  throw new CcsError(
    'CCS_MAVEN_MISSING',
    'The servers are fetched with Maven, and there is none.',
    {
      exit: EXIT.unreachable,
      hint: 'Install it (on Debian and Ubuntu: apt install maven); it is needed until all is fetched.',
    },
  )
}

/** `17.0.15` gives 17, `1.8.0_392` 8. */
export function majorOf(version: string): number {
  const [first = 0, second = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return first === 1 ? second : first
}

/** As `java -version` says it; undefined for what only looks like a Java. */
function versionOf(file: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(file, ['-version'], { env, timeout: TIMEOUT_MS }, (error, _stdout, stderr) =>
      resolve(error === null ? /version "([^"]+)"/.exec(stderr)?.[1] : undefined),
    )
  })
}
