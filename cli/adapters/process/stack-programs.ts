/** The programs of the servers of `ccs stack`: found, downloaded and prepared. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import type { KafkaFiles, ProgramCall } from '../../domain/devstack/server-settings.ts'
import {
  BUNDLES,
  type BundleName,
  type PartName,
  parseBundleSums,
  portsNeeded,
  readPomVersion,
  type StackPorts,
} from '../../domain/devstack/servers.ts'
import { stackStoppedError } from '../../domain/devstack/stack.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { Files } from '../files/files.ts'
import type { Bundle } from './bundle.ts'
import type { VenvPurpose } from './venv.ts'

/** Where the servers live, and whom to notify. */
export interface ServersOptions {
  /** ccs's folder stack/, which says what to download. */
  readonly recipes: string
  /** Folder of data, logs and notes. */
  readonly dir: string
  readonly ports: StackPorts
  readonly env: NodeJS.ProcessEnv
  readonly onNotice: (text: string) => void
  /** `done` archives of `what` have been downloaded. */
  readonly onFetch: (what: string, done: number) => void
}

const S3_VENV: VenvPurpose = {
  name: 'the S3 server',
  needs: 'The S3 server needs',
  packages: ['moto', 'flask'],
  installing: 'Installing an S3 server',
  size: 'about 30 MB to download, 110 MB on disk',
  next: 'ccs stack up sink',
  stopped: stackStoppedError,
}

/** Finds and downloads each program at most once. */
export class StackPrograms {
  readonly #options: ServersOptions
  readonly #files: Files
  readonly #bundles = new Map<BundleName, string>()
  #java = ''
  #python = ''

  constructor(options: ServersOptions, files: Files) {
    this.#options = options
    this.#files = files
  }

  async provide(
    parts: readonly PartName[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<PartName, string>> {
    const left = new Map<PartName, string>()
    await this.#checkPorts(parts)
    const bundles = parts.flatMap((part): readonly BundleName[] => BUNDLES[part])
    if (bundles.length > 0) {
      const { findJava } = await import('./java.ts')
      this.#java = await findJava(this.#options.env)
    }
    // One after the other: Maven's local repository is not safe for two at a time.
    for (const bundle of bundles) this.#bundles.set(bundle, await this.#bundle(bundle, signal))
    if (parts.includes('s3')) {
      try {
        this.#python = await this.#venv(signal)
      } catch (error) {
        if (!(error instanceof CcsError) || error.code !== 'CCS_PYTHON_MISSING') throw error
        left.set('s3', error.message)
      }
    }
    return left
  }

  async #checkPorts(parts: readonly PartName[]): Promise<void> {
    const { isFree } = await import('./free-ports.ts')
    for (const part of parts)
      for (const port of portsNeeded(part, this.#options.ports))
        if (!(await isFree(port)))
          throw new CcsError(
            'CCS_STACK_FAILED',
            `Another program listens on port ${port}, which ${part} needs.`,
            { hint: 'Stop it, or choose other ports: ccs stack up --port-base 0 finds free ones.' },
          )
  }

  get #cacheDir(): string {
    const { env } = this.#options
    return path.join(path.resolve(env.CCS_CACHE_DIR || `${homedir()}/.cache/ccs`), 'stack')
  }

  async #bundle(name: BundleName, signal: AbortSignal): Promise<string> {
    const { recipes, env, onNotice, onFetch } = this.#options
    const { provideBundle } = await import('./bundle.ts')
    const sums = await this.#files.readFile(path.join(recipes, 'checksums.sha256'))
    const bundle: Bundle = {
      name,
      pom: path.join(recipes, name, 'pom.xml'),
      sums: parseBundleSums(sums.toString('utf8'), name),
      written: name === 'converter' ? await makeServicesJar() : {},
    }
    return provideBundle(bundle, {
      files: this.#files,
      cacheDir: this.#cacheDir,
      env,
      signal,
      stopped: stackStoppedError,
      onNotice,
      onProgress: onFetch,
    })
  }

  async #venv(signal: AbortSignal): Promise<string> {
    const { recipes, env, onNotice, onFetch } = this.#options
    const { hashLockFile, provideVenv } = await import('./venv.ts')
    const lockFile = path.join(recipes, 's3/requirements.lock')
    const key = (await hashLockFile(this.#files, lockFile)).slice(0, 16)
    return provideVenv({
      files: this.#files,
      purpose: S3_VENV,
      dir: path.join(this.#cacheDir, key),
      lockFile,
      env,
      owner: 'ccs stack',
      signal,
      onNotice,
      onProgress: (done) => onFetch('s3', done),
    })
  }

  /** Prepares a server and returns how to start it. */
  async prepareCall(
    part: PartName,
    signal: AbortSignal,
  ): Promise<{ readonly command: string; readonly args: readonly string[] }> {
    const { dir, ports } = this.#options
    const settings = await import('../../domain/devstack/server-settings.ts')
    const home = path.join(dir, part)
    await this.#files.mkdir(home)
    switch (part) {
      case 'kafka': {
        const data = path.join(home, 'data')
        const place = await this.#writeSettings(part, home)
        if (!existsSync(path.join(data, 'meta.properties'))) {
          await this.#files.remove(data)
          const id = settings.makeClusterId(randomBytes(16))
          await this.#format(settings.kafkaFormatCall(place, id), signal)
        }
        return this.#resolveCall(settings.kafkaCall(place))
      }
      case 'registry': {
        const bundle = this.#bundles.get('registry') ?? ''
        const runner = (await this.#files.readdir(bundle)).find((one) => one.endsWith('runner.jar'))
        return this.#resolveCall(
          settings.registryCall(ports, path.join(bundle, runner ?? ''), path.join(home, 'data')),
        )
      }
      case 'connect':
        return this.#resolveCall(settings.connectCall(await this.#writeSettings(part, home)))
      case 's3':
        return this.#resolveCall(settings.s3Call(ports))
    }
  }

  async #format(launch: ProgramCall, signal: AbortSignal): Promise<void> {
    const { runToEnd } = await import('./daemon.ts')
    const { dir, env } = this.#options
    const { code, output } = await runToEnd({ ...this.#resolveCall(launch), cwd: dir, env }, signal)
    if (signal.aborted) throw stackStoppedError()
    if (code !== 0)
      throw new CcsError('CCS_STACK_FAILED', `kafka can't format its data: ${output.trim()}`, {
        hint: 'Start from scratch: ccs stack down --purge, then: ccs stack up',
      })
  }

  /** Writes a server's settings into its folder. */
  async #writeSettings(part: 'kafka' | 'connect', home: string): Promise<KafkaFiles> {
    const { recipes, ports } = this.#options
    const { fillTemplate, settingsValues } = await import(
      '../../domain/devstack/server-settings.ts'
    )
    const values = settingsValues(ports, {
      dataDir: path.join(home, 'data'),
      plugins: (['iceberg', 'converter'] as const).map((one) =>
        path.dirname(this.#bundles.get(one) ?? ''),
      ),
    })
    const settings = path.join(home, 'server.properties')
    const template = await this.#files.readFile(path.join(recipes, part, 'server.properties'))
    const text = fillTemplate(template.toString('utf8'), values)
    await this.#files.writeFile(settings, Buffer.from(text))
    const classPath = path.join(this.#bundles.get(part) ?? '', '*')
    return { classPath, settings, logging: path.join(recipes, 'log4j2.properties') }
  }

  #resolveCall({ command, args }: ProgramCall) {
    return { command: command === 'java' ? this.#java : this.#python, args }
  }
}

async function makeServicesJar(): Promise<Readonly<Record<string, Buffer>>> {
  const [{ makeZip }, { CONVERTER_SERVICES }] = await Promise.all([
    import('./zip.ts'),
    import('../../domain/devstack/server-settings.ts'),
  ])
  return { [CONVERTER_SERVICES.file]: makeZip(CONVERTER_SERVICES.entries) }
}

/** A server's version, as `ccs stack status` shows it. */
export async function readPartVersion(
  recipes: string,
  part: PartName,
  files: Files,
): Promise<string> {
  const read = async (...names: readonly string[]) =>
    (await files.readFile(path.join(recipes, ...names))).toString('utf8')
  if (part === 's3') {
    const lock = await read('s3/requirements.lock')
    return `moto ${/^moto==(\S+)/m.exec(lock)?.[1] ?? '?'}`
  }
  const versions = await Promise.all(
    BUNDLES[part]
      .filter((bundle) => bundle !== 'converter')
      .map(async (bundle) => {
        const version = readPomVersion(await read(bundle, 'pom.xml'))
        return bundle === part ? version : `${bundle} ${version}`
      }),
  )
  return versions.join(', ')
}
