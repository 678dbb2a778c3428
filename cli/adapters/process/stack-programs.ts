/** The programs of the servers of `ccs stack`: found, downloaded and prepared. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import type { FlinkFiles, KafkaFiles, ProgramCall } from '../../domain/devstack/server-settings.ts'
import {
  BUNDLES,
  type BundleName,
  FLINK_LIBRARIES,
  FLINK_PARTS,
  type PartName,
  parseBundleSums,
  portsNeeded,
  type StackPorts,
} from '../../domain/devstack/servers.ts'
import { stackStoppedError } from '../../domain/devstack/stack.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { Files } from '../files/files.ts'
import type { Bundle } from './bundle.ts'
import { chooseFlinkKind, type FlinkKind } from './stack-flink.ts'
import { FLINK_VENV, S3_VENV } from './stack-venvs.ts'
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

/** Finds and downloads each program at most once. */
export class StackPrograms {
  readonly #options: ServersOptions
  readonly #files: Files
  readonly #bundles = new Map<BundleName, string>()
  readonly #isAlive: (part: PartName) => boolean
  #java = ''
  #python = ''
  /** Folder of Flink's own jars. */
  #flink = ''
  #kind: FlinkKind = { isGatewayAlone: false, hasZooKeeper: false }

  constructor(options: ServersOptions, files: Files, isAlive: (part: PartName) => boolean) {
    this.#options = options
    this.#files = files
    this.#isAlive = isAlive
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
    const flink = (['zookeeper', ...FLINK_PARTS] as const).filter((part) => parts.includes(part))
    await this.#withoutPython(flink, left, async () => {
      const running = { dir: this.#options.dir, files: this.#files, isAlive: this.#isAlive }
      this.#kind = await chooseFlinkKind(parts, running)
      this.#flink = await this.#flinkLibraries(signal)
    })
    // One after the other: Maven's local repository is not safe for two at a time.
    for (const bundle of new Set(bundles))
      if (bundle !== 'flink' || this.#flink !== '')
        this.#bundles.set(bundle, await this.#bundle(bundle, signal))
    await this.#withoutPython(parts.includes('s3') ? ['s3'] : [], left, async () => {
      this.#python = await this.#venv('s3', S3_VENV, signal)
    })
    return left
  }

  /** Runs `provide` if there are parts; adds them to `left` if it finds no Python. */
  async #withoutPython(
    parts: readonly PartName[],
    left: Map<PartName, string>,
    provide: () => Promise<void>,
  ): Promise<void> {
    if (parts.length === 0) return
    try {
      await provide()
    } catch (error) {
      if (!(error instanceof CcsError) || error.code !== 'CCS_PYTHON_MISSING') throw error
      for (const part of parts) left.set(part, error.message)
    }
  }

  async #flinkLibraries(signal: AbortSignal): Promise<string> {
    const python = await this.#venv('flink', FLINK_VENV, signal)
    const venv = path.dirname(path.dirname(python))
    const [lib = ''] = await this.#files.readdir(path.join(venv, 'lib'))
    const dir = path.join(venv, 'lib', lib, 'site-packages/pyflink/lib')
    const { requireSums } = await import('./bundle.ts')
    const sums = await this.#readSums(FLINK_LIBRARIES)
    await requireSums({ name: FLINK_LIBRARIES, sums }, dir, `Remove ${venv}`)
    return dir
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
    const bundle: Bundle = {
      name,
      pom: path.join(recipes, name, 'pom.xml'),
      sums: await this.#readSums(name),
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

  async #readSums(bundle: string): Promise<ReadonlyMap<string, string>> {
    const sums = await this.#files.readFile(path.join(this.#options.recipes, 'checksums.sha256'))
    return parseBundleSums(sums.toString('utf8'), bundle)
  }

  async #venv(what: 's3' | 'flink', purpose: VenvPurpose, signal: AbortSignal): Promise<string> {
    const { recipes, env, onNotice, onFetch } = this.#options
    const { hashLockFile, provideVenv } = await import('./venv.ts')
    const lockFile = path.join(recipes, what, 'requirements.lock')
    const key = (await hashLockFile(this.#files, lockFile)).slice(0, 16)
    return provideVenv({
      files: this.#files,
      purpose,
      dir: path.join(this.#cacheDir, key),
      lockFile,
      env,
      owner: 'ccs stack',
      signal,
      onNotice,
      onProgress: (done) => onFetch(what, done),
    })
  }

  /** Prepares a server and returns how to start it. */
  async prepareCall(part: PartName, signal: AbortSignal): Promise<ResolvedCall> {
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
      case 'zookeeper':
        return this.#resolveCall(settings.zooKeeperCall(await this.#writeZooKeeperSettings(home)))
      default:
        return this.#resolveCall(settings.flinkCall(part, await this.#writeFlinkSettings(home)))
    }
  }

  async #writeFlinkSettings(home: string): Promise<FlinkFiles> {
    const { recipes, dir } = this.#options
    const [configDir, tmpDir] = [path.join(home, 'conf'), path.join(home, 'tmp')]
    // The servers of one cluster share the folder of their checkpoints.
    const dataDir = path.join(dir, 'flink-gateway', 'data')
    for (const one of [configDir, tmpDir, dataDir]) await this.#files.mkdir(one)
    const file = path.join(configDir, 'config.yaml')
    const templates = ['flink/config.yaml']
    if (this.#kind.hasZooKeeper) templates.push('flink/high-availability.yaml')
    await this.#fillTemplate(templates, file, { dataDir, tmpDir })
    return {
      classPath: [this.#flink, this.#bundles.get('flink') ?? '', `${recipes}/flink/functions`]
        .map((one) => path.join(one, '*'))
        .join(path.delimiter),
      configDir,
      logging: path.join(recipes, 'log4j2.properties'),
      tmpDir,
    }
  }

  async #writeZooKeeperSettings(home: string): Promise<KafkaFiles> {
    const [settings, dataDir] = [path.join(home, 'zoo.cfg'), path.join(home, 'data')]
    await this.#files.mkdir(dataDir)
    await this.#fillTemplate(['flink/zoo.cfg'], settings, { dataDir })
    const logging = path.join(this.#options.recipes, 'log4j2.properties')
    return { classPath: path.join(this.#flink, '*'), settings, logging }
  }

  async #format(launch: ProgramCall, signal: AbortSignal): Promise<void> {
    const { runToEnd } = await import('./daemon.ts')
    const { dir } = this.#options
    const { code, output } = await runToEnd({ ...this.#resolveCall(launch), cwd: dir }, signal)
    if (signal.aborted) throw stackStoppedError()
    if (code !== 0)
      throw new CcsError('CCS_STACK_FAILED', `kafka can't format its data: ${output.trim()}`, {
        hint: 'Start from scratch: ccs stack down --purge, then: ccs stack up',
      })
  }

  /** Writes a server's settings into its folder. */
  async #writeSettings(part: 'kafka' | 'connect', home: string): Promise<KafkaFiles> {
    const settings = path.join(home, 'server.properties')
    const dataDir = path.join(home, 'data')
    await this.#fillTemplate([`${part}/server.properties`], settings, { dataDir })
    const classPath = path.join(this.#bundles.get(part) ?? '', '*')
    const logging = path.join(this.#options.recipes, 'log4j2.properties')
    return { classPath, settings, logging }
  }

  /** Fills templates of stack/, one after the other, into one file. */
  async #fillTemplate(
    templates: readonly string[],
    file: string,
    places: { readonly dataDir: string; readonly tmpDir?: string },
  ): Promise<void> {
    const { recipes, ports } = this.#options
    const { fillTemplate, settingsValues } = await import(
      '../../domain/devstack/server-settings.ts'
    )
    const plugins = (['iceberg', 'converter'] as const).map((one) =>
      path.dirname(this.#bundles.get(one) ?? ''),
    )
    const { isGatewayAlone } = this.#kind
    const values = {
      ...settingsValues(ports, { ...places, plugins }),
      // A gateway alone starts a JobManager for each job, on any free port.
      ...(isGatewayAlone ? { target: 'local', jobmanagerPort: '0' } : { target: 'remote' }),
    }
    const texts = await Promise.all(
      templates.map((one) => this.#files.readFile(path.join(recipes, one))),
    )
    const text = Buffer.concat(texts).toString('utf8')
    await this.#files.writeFile(file, Buffer.from(fillTemplate(text, values)))
  }

  #resolveCall({ command, args, env }: ProgramCall): ResolvedCall {
    const program = command === 'java' ? this.#java : this.#python
    return { command: program, args, env: { ...this.#options.env, ...env } }
  }
}

/** A program by its path, with its whole environment. */
interface ResolvedCall {
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

async function makeServicesJar(): Promise<Readonly<Record<string, Buffer>>> {
  const [{ makeZip }, { CONVERTER_SERVICES }] = await Promise.all([
    import('./zip.ts'),
    import('../../domain/devstack/server-settings.ts'),
  ])
  return { [CONVERTER_SERVICES.file]: makeZip(CONVERTER_SERVICES.entries) }
}
