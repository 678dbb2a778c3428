/**
 * Reads `targets:` of ccs.yml. Each setting is described once, in SETTINGS, by its path and reader;
 * which of them a target must have follows from its engine.
 */

import type { DocumentReader } from '../documents/document-reader.ts'
import {
  readBrokers,
  readChoice,
  readDuration,
  readFlag,
  readList,
  readSecret,
  readText,
  readTopicPrefix,
  readUrl,
  readWholeNumber,
  type ValueReader,
} from '../documents/value-readers.ts'
import type { VariableSources } from '../documents/variables.ts'
import { isObject, type JsonObject } from '../kernel/json.ts'
import { DEFAULT_ENGINE, ENGINE_NAMES, type EngineName, getEngineProfile } from './engines.ts'
import { readSettings } from './read-settings.ts'
import type { HttpServer, JobSettings, KafkaSettings, Sasl, Target, Tls } from './target.ts'

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const
const WEEK_MS = 7 * 86_400_000
const FOR_EVER = 'forever'

const readRetention: ValueReader<number> = (value) =>
  value === FOR_EVER ? { value: -1 } : readDuration(60_000, 3_650 * 86_400_000)(value)

const SETTINGS: Readonly<Record<string, ValueReader<unknown>>> = {
  engine: readChoice(ENGINE_NAMES),
  data: readText,
  prefix: readTopicPrefix,
  'kafka.brokers': readBrokers,
  'kafka.partitions': readWholeNumber(1, 1_000),
  'kafka.replication': readWholeNumber(1, 32),
  'kafka.retention': readRetention,
  'kafka.tls': readFlag,
  'kafka.tls.ca': readText,
  'kafka.tls.cert': readText,
  'kafka.tls.key': readText,
  'kafka.sasl.mechanism': readChoice(MECHANISMS),
  'kafka.sasl.username': readText,
  'kafka.sasl.password': readSecret,
  'kafka.sasl.token': readSecret,
  'kafka.sasl.token_url': readUrl,
  'kafka.sasl.client_id': readText,
  'kafka.sasl.client_secret': readSecret,
  'kafka.sasl.scope': readText,
  'registry.url': readUrl,
  'registry.username': readText,
  'registry.password': readSecret,
  'connect.url': readUrl,
  'connect.username': readText,
  'connect.password': readSecret,
  ...listEngineSettings(),
}

/** What targets are read with. */
export interface TargetsOptions {
  /** The project's own data directory. */
  readonly data: string
  readonly env: VariableSources['env']
  readonly reader: DocumentReader
}

/**
 * Returns all targets by name, always with `local`. A variable that is not set is no fault here:
 * only a command that uses the target needs it, see `requireTarget`.
 */
export function readTargets(value: unknown, options: TargetsOptions): Record<string, Target> {
  const local = { name: 'local', engine: DEFAULT_ENGINE, data: options.data, prefix: '' }
  const targets: Record<string, Target> = { local }
  if (value === undefined || value === null) return targets
  if (!isObject(value)) {
    options.reader.fault(
      ['targets'],
      'targets must contain a map of settings for each target.',
      `targets: { staging: { engine: ${DEFAULT_ENGINE} } }`,
    )
    return targets
  }
  for (const [name, map] of Object.entries(value)) {
    const path = ['targets', name]
    if (!/^[a-z][a-z0-9_-]{0,62}$/.test(name))
      options.reader.fault(
        path,
        () => `${options.reader.quoteKey(path)} can't be a target's name: use a-z, 0-9, - and _.`,
        undefined,
        'key',
      )
    if (isObject(map)) targets[name] = readTarget(name, map, options)
    else
      options.reader.fault(
        path,
        `Target "${name}" must contain settings, at least its engine.`,
        `engine: ${DEFAULT_ENGINE}`,
      )
  }
  return targets
}

function readTarget(name: string, map: JsonObject, { data, env, reader }: TargetsOptions): Target {
  const path = ['targets', name]
  const what = () => 'a setting of a target'
  const { values, missing } = readSettings(map, { path, what, settings: SETTINGS, env, reader })
  if (map.engine === undefined)
    reader.fault(['targets', name], `Target "${name}" has no engine.`, `engine: ${DEFAULT_ENGINE}`)
  const needs = (setting: string, why: string) => {
    if (missing.length === 0 && !values.has(setting))
      reader.fault(['targets', name], `Target "${name}" has no ${setting}: ${why}.`)
  }
  const engine = (values.get('engine') ?? DEFAULT_ENGINE) as EngineName // read by SETTINGS
  const hasKafka = isObject(map.kafka) || getEngineProfile(engine).needsKafka
  if (hasKafka) needs('kafka.brokers', 'where its Kafka is')
  if (hasKafka) needs('registry.url', 'where its schema registry is')
  const { server, displayName, runsJobs } = getEngineProfile(engine)
  if (server) needs(`${server}.url`, `where its ${displayName} is`)
  if (server && runsJobs) needs(`${server}.jobmanager.url`, `where ${displayName} manages its jobs`)
  // The readers in SETTINGS return these types.
  const text = (setting: string) => values.get(setting) as string | undefined
  const excluded = (server && values.get(`${server}.without`)) as readonly string[] | undefined
  return {
    name,
    engine,
    data: text('data') ?? (name === 'local' ? data : `${data}-${name}`),
    prefix: text('prefix') ?? '',
    ...(missing.length > 0 ? { missing } : {}),
    ...(hasKafka ? { kafka: assembleKafka(values) } : {}),
    ...readNamedServer('registry', text),
    ...readNamedServer('connect', text),
    ...readEngineServers(text),
    ...readJobSettings(engine, values),
    ...(excluded ? { excluded } : {}),
  }
}

function assembleKafka(values: ReadonlyMap<string, unknown>): KafkaSettings {
  // The readers in SETTINGS return these types.
  const get = <T>(setting: string, fallback: T) => (values.get(setting) ?? fallback) as T
  const given = <T>(prefix: string, keys: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(keys)
        .map(([key, setting]) => [key, values.get(`${prefix}.${setting}`)])
        .filter(([, value]) => value !== undefined),
    ) as T
  const tls = given<Tls>('kafka.tls', { ca: 'ca', cert: 'cert', key: 'key' })
  const sasl = given<Sasl>('kafka.sasl', {
    mechanism: 'mechanism',
    username: 'username',
    password: 'password',
    token: 'token',
    tokenUrl: 'token_url',
    clientId: 'client_id',
    clientSecret: 'client_secret',
    scope: 'scope',
  })
  const isTls = get('kafka.tls', Object.keys(tls).length > 0)
  return {
    brokers: get<readonly string[]>('kafka.brokers', []),
    partitions: get('kafka.partitions', 3),
    replication: get('kafka.replication', 1),
    retentionMs: get('kafka.retention', WEEK_MS),
    ...(isTls ? { tls } : {}),
    ...(sasl.mechanism ? { sasl } : {}),
  }
}

/** Lists the settings of all engines that have a server. */
function listEngineSettings(): Readonly<Record<string, ValueReader<unknown>>> {
  const settings = ENGINE_NAMES.flatMap(
    (name): readonly (readonly [string, ValueReader<unknown>])[] => {
      const { server, runsJobs = false } = getEngineProfile(name)
      if (server === undefined) return []
      const jobs: readonly (readonly [string, ValueReader<unknown>])[] = [
        [`${server}.jobmanager.url`, readUrl],
        [`${server}.jobmanager.username`, readText],
        [`${server}.jobmanager.password`, readSecret],
        [`${server}.parallelism`, readWholeNumber(1, 1_000)],
        [`${server}.checkpoint_every`, readDuration(100, 3_600_000)],
      ]
      return [
        [`${server}.url`, readUrl],
        [`${server}.username`, readText],
        [`${server}.password`, readSecret],
        [`${server}.without`, readList],
        ...(runsJobs ? jobs : []),
      ]
    },
  )
  return Object.fromEntries(settings)
}

function readEngineServers(
  text: (setting: string) => string | undefined,
): Pick<Target, 'engineServers'> {
  const servers = ENGINE_NAMES.flatMap((name) => {
    const { server } = getEngineProfile(name)
    const found = server === undefined ? undefined : readServer(server, text)
    return found ? [[name, found] as const] : []
  })
  return servers.length > 0 ? { engineServers: Object.fromEntries(servers) } : {}
}

const CHECKPOINT_MS = 30_000

function readJobSettings(
  engine: EngineName,
  values: ReadonlyMap<string, unknown>,
): Pick<Target, 'jobs'> {
  const { server, runsJobs = false } = getEngineProfile(engine)
  if (server === undefined || !runsJobs) return {}
  // The readers of listEngineSettings return these types.
  const get = <T>(setting: string) => values.get(`${server}.${setting}`) as T | undefined
  const manager = readServer('jobmanager', get)
  const jobs: JobSettings = {
    ...(manager ? { manager } : {}),
    parallelism: get<number>('parallelism') ?? 1,
    checkpointMs: get<number>('checkpoint_every') ?? CHECKPOINT_MS,
  }
  return { jobs }
}

function readNamedServer(
  name: 'registry' | 'connect',
  text: (setting: string) => string | undefined,
): Pick<Target, 'registry' | 'connect'> {
  const server = readServer(name, text)
  return server ? { [name]: server } : {}
}

function readServer(
  name: string,
  text: (setting: string) => string | undefined,
): HttpServer | undefined {
  const [url, username, password] = ['url', 'username', 'password'].map((key) =>
    text(`${name}.${key}`),
  )
  if (url === undefined) return undefined
  const login = { ...(username ? { username } : {}), ...(password ? { password } : {}) }
  return { url: url.replace(/\/+$/, ''), ...login }
}
