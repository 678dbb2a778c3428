/**
 * Reads ccs.yml. Each key is described once, in SETTINGS, with its default and the reader of its
 * value. All faults of a file are reported at once, each with its place and, for a misspelled name,
 * the name that was probably meant.
 */

import { DocumentReader } from '../documents/document-reader.ts'
import {
  readChoice,
  readDuration,
  readName,
  readSize,
  readText,
  readTimezone,
  readWholeNumber,
  type ValueReader,
} from '../documents/value-readers.ts'
import { parseYaml } from '../documents/yaml-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError } from '../kernel/errors.ts'
import { isObject, type JsonObject } from '../kernel/json.ts'
import {
  type EngineSettings,
  MEMORY_LIMIT_MIN,
  QUERY_MEMORY_MIN,
  type QuerySettings,
} from './fit-memory.ts'
import {
  type LakeSettings,
  readBucket,
  readEndpoint,
  readFormats,
  readPrefix,
  readRegion,
} from './lake-s3.ts'
import { PLACEHOLDER_IDS, readPlaceholderIds } from './placeholder-ids.ts'
import { type CollectSettings, readCollect } from './read-collect.ts'
import { fillSetting } from './read-settings.ts'
import { readTargets } from './read-targets.ts'
import { type Retention, readKept, readRetention } from './retention.ts'
import type { Target } from './target.ts'

/** The settings of a project. */
export interface Config {
  readonly name: string
  /** IANA name of the timezone in which the shop's day begins and ends. */
  readonly timezone: string
  /** Data directory as written; relative to the project's folder. */
  readonly data: string
  /** private: only this user reads the data directory; shared: as the umask says. */
  readonly dataMode: 'private' | 'shared'
  readonly gate: {
    readonly recordBytesMax: number
    readonly futureToleranceMs: number
  }
  readonly engine: EngineSettings
  /** What no query exceeds. */
  readonly query: QuerySettings
  /** Where backups are, '' for nowhere; 0: the engine takes none by itself. */
  readonly backup: { readonly to: string; readonly everyMs: number }
  readonly lake: LakeSettings
  readonly generator: { readonly eps: number; readonly seed: number }
  readonly http: { readonly port: number }
  readonly collect: CollectSettings
  readonly dbt: { readonly everyMs: number }
  /** Whether closed segments of the log of a data directory are compressed. */
  readonly log: { readonly compression: 'brotli' | 'none' }
  readonly retention: Retention
  /** Texts that are nobody's id; lower case, without blanks at either end. */
  readonly identity: { readonly placeholderIds: readonly string[] }
  readonly pii: {
    /** File of the keys of pseudonyms; null: in the data directory. */
    readonly keysFile: string | null
    /** Classes are not applied, as in tests of models, which write ids as they are. */
    readonly isOff?: true
  }
  readonly targets: Readonly<Record<string, Target>>
}

/** Environment variables, for `${VAR}` in values. */
export type Env = Readonly<Record<string, string | undefined>>

interface Setting {
  /** Path in the file, joined by dots. */
  readonly key: string
  readonly fallback: unknown
  readonly read: ValueReader<unknown>
}

const MIB = 1024 * 1024

const SETTINGS = [
  { key: 'name', fallback: 'shop', read: readName },
  { key: 'timezone', fallback: 'UTC', read: readTimezone },
  { key: 'data', fallback: 'data', read: readText },
  { key: 'data_mode', fallback: 'private', read: readChoice(['private', 'shared']) },
  { key: 'gate.record_bytes_max', fallback: MIB, read: readSize(1024, 64 * MIB) },
  { key: 'gate.future_tolerance', fallback: 3_600_000, read: readDuration(0, 7 * 86_400_000) },
  {
    key: 'engine.memory_limit',
    fallback: 512 * MIB,
    read: readSize(MEMORY_LIMIT_MIN, 1024 * 1024 * MIB),
  },
  { key: 'engine.checkpoint_every', fallback: 30_000, read: readDuration(1000, 600_000) },
  { key: 'engine.checkpoint_rows', fallback: 100_000, read: readWholeNumber(1000, 10_000_000) },
  { key: 'query.timeout', fallback: 30_000, read: readDuration(100, 3_600_000) },
  { key: 'query.max_rows', fallback: 1_000_000, read: readWholeNumber(1, 100_000_000) },
  {
    key: 'query.memory_limit',
    fallback: 768 * MIB,
    read: readSize(QUERY_MEMORY_MIN, 1024 * 1024 * MIB),
  },
  // Of the four threads that Node has for such work, one at least is left to the engine when the
  // page's metrics run; those of people run elsewhere.
  { key: 'query.concurrency', fallback: 2, read: readWholeNumber(1, 3) },
  { key: 'backup.to', fallback: '', read: readText },
  { key: 'backup.every', fallback: 0, read: readDuration(10_000, 7 * 86_400_000) },
  { key: 'lake.keep', fallback: 86_400_000, read: readDuration(0, 365 * 86_400_000) },
  { key: 'lake.publish', fallback: [], read: readFormats },
  { key: 'lake.s3.bucket', fallback: '', read: readBucket },
  { key: 'lake.s3.prefix', fallback: '', read: readPrefix },
  { key: 'lake.s3.endpoint', fallback: '', read: readEndpoint },
  { key: 'lake.s3.region', fallback: '', read: readRegion },
  { key: 'generator.eps', fallback: 100, read: readWholeNumber(1, 1_000_000) },
  { key: 'generator.seed', fallback: 1, read: readWholeNumber(0, Number.MAX_SAFE_INTEGER) },
  { key: 'http.port', fallback: 8090, read: readWholeNumber(0, 65_535) },
  { key: 'dbt.every', fallback: 900_000, read: readDuration(10_000, 7 * 86_400_000) },
  { key: 'identity.placeholder_ids', fallback: PLACEHOLDER_IDS, read: readPlaceholderIds },
  { key: 'log.compression', fallback: 'brotli', read: readChoice(['brotli', 'none']) },
  { key: 'pii.keys_file', fallback: '', read: readText },
  { key: 'retention.events.raw', fallback: null, read: readRetention },
  { key: 'retention.events.dlq', fallback: null, read: readRetention },
  { key: 'retention.bronze', fallback: null, read: readKept('bronze') },
  { key: 'retention.silver', fallback: null, read: readKept('silver') },
  { key: 'retention.gold', fallback: null, read: readKept('gold') },
] as const satisfies readonly Setting[]

type Key = (typeof SETTINGS)[number]['key']

/**
 * Reads the text of `file`. Throws CCS_CONFIG_INVALID with all faults: unknown keys, values of the
 * wrong kind or out of range, variables that are not set.
 */
export function parseConfig(text: string, env: Env = {}, file = 'ccs.yml'): Config {
  const document = parseYaml(text, { file, code: 'CCS_CONFIG_INVALID' })
  const reader = new DocumentReader(document, 'CCS_CONFIG_INVALID')
  const root = document.value === null ? {} : reader.map(document.value, [], file)
  const written = new Map<string, unknown>()
  collectSettings(root, [], { written, env, reader })
  const values = new Map(SETTINGS.map((one) => [one.key, readSetting(one, written, reader)]))
  const config = assemble(values, {
    collect: readCollect(root.collect, { env, reader }),
    targetsFor: (data) => readTargets(root.targets, { data, env, reader }),
  })
  reader.throwFaults()
  return config
}

/** The target called `name`. CCS_CONFIG_INVALID if there is none, or its variables are not set. */
export function requireTarget(config: Config, name: string): Target {
  const target = config.targets[name]
  if (!target)
    throw new CcsError('CCS_CONFIG_INVALID', `There is no target "${name}" in ccs.yml.`, {
      hint: didYouMean(name, Object.keys(config.targets)),
    })
  const [missing] = target.missing ?? []
  if (missing === undefined) return target
  throw new CcsError(
    'CCS_CONFIG_INVALID',
    `Target "${name}" needs the environment variable ${missing}, which is not set.`,
    { hint: `Set it, or give it a fallback: \${${missing}:-value}` },
  )
}

/** Keys whose settings other files read. */
const OWN_READERS = ['targets', 'collect']

/** The steps to a key; a topic's name is one step, though it has a dot. */
function splitKey(key: string): readonly string[] {
  const [first = '', ...rest] = key.split('.')
  return first === 'retention' ? [first, rest.join('.')] : [first, ...rest]
}

interface SettingsContext {
  /** Filled with the value of each known key, by the key's path joined by dots. */
  readonly written: Map<string, unknown>
  readonly env: Env
  readonly reader: DocumentReader
}

/** Collects the values of the known keys, with variables filled in; reports unknown keys. */
function collectSettings(map: JsonObject, path: string[], context: SettingsContext): void {
  const { written, env, reader } = context
  const depth = path.length
  const known = [
    ...new Set(
      [...SETTINGS.map((setting) => splitKey(setting.key)), ...OWN_READERS.map((key) => [key])]
        .filter((parts) => path.every((step, index) => parts[index] === step))
        .map((parts) => parts[depth] ?? ''),
    ),
  ]
  for (const [name, value] of Object.entries(map)) {
    const here = [...path, name]
    const key = here.join('.')
    if (!known.includes(name)) {
      const where = depth === 0 ? 'a setting' : `a setting of "${path.join('.')}"`
      reader.fault(
        here,
        () => `${reader.quoteKey(here)} is not ${where}.`,
        () => didYouMean(name, known),
        'key',
      )
    } else if (SETTINGS.some((setting) => setting.key === key)) {
      const filled = fillSetting(value, env)
      if ('value' in filled) written.set(key, filled.value)
      else if ('wrong' in filled) reader.fault(here, `${key} ${filled.wrong}`)
      else
        reader.fault(
          here,
          `${key} needs the environment variable ${filled.missing}, which is not set.`,
          `Set it, or give it a fallback: \${${filled.missing}:-value}`,
        )
    } else if (OWN_READERS.includes(key)) continue
    else if (isObject(value)) collectSettings(value, here, context)
    else if (value !== null)
      reader.fault(here, `${key} must contain settings of its own, one per line.`)
  }
}

function readSetting(
  { key, fallback, read }: Setting,
  written: ReadonlyMap<string, unknown>,
  reader: DocumentReader,
): unknown {
  const value = written.get(key) ?? undefined
  return value === undefined ? fallback : (reader.value(value, splitKey(key), read) ?? fallback)
}

function assemble(
  values: ReadonlyMap<Key, unknown>,
  others: {
    readonly collect: CollectSettings
    readonly targetsFor: (data: string) => Config['targets']
  },
): Config {
  // The key's reader in SETTINGS returns a number or a text.
  const text = (key: Key) => values.get(key) as string
  const number = (key: Key) => values.get(key) as number
  const lakeText = (name: 'bucket' | 'prefix' | 'endpoint' | 'region') => text(`lake.s3.${name}`)
  const [bucket, prefix] = [lakeText('bucket'), lakeText('prefix')]
  const s3 = { bucket, prefix, endpoint: lakeText('endpoint'), region: lakeText('region') }
  // readRetention gives a number, or null for `forever`.
  const limit = (key: Key) => values.get(key) as number | null
  return {
    name: text('name'),
    timezone: text('timezone'),
    data: text('data'),
    // readChoice gives one of the two, here and below.
    dataMode: text('data_mode') as Config['dataMode'],
    gate: {
      recordBytesMax: number('gate.record_bytes_max'),
      futureToleranceMs: number('gate.future_tolerance'),
    },
    engine: {
      memoryLimitBytes: number('engine.memory_limit'),
      checkpointEveryMs: number('engine.checkpoint_every'),
      checkpointRows: number('engine.checkpoint_rows'),
    },
    query: {
      timeoutMs: number('query.timeout'),
      rowsMax: number('query.max_rows'),
      concurrency: number('query.concurrency'),
      memoryLimitBytes: number('query.memory_limit'),
    },
    backup: { to: text('backup.to'), everyMs: number('backup.every') },
    lake: {
      keepMs: number('lake.keep'),
      s3: bucket === '' ? null : s3,
      // readFormats gives this list.
      publish: values.get('lake.publish') as Config['lake']['publish'],
    },
    generator: { eps: number('generator.eps'), seed: number('generator.seed') },
    http: { port: number('http.port') },
    dbt: { everyMs: number('dbt.every') },
    log: { compression: text('log.compression') as Config['log']['compression'] },
    retention: { rawMs: limit('retention.events.raw'), dlqMs: limit('retention.events.dlq') },
    // readPlaceholderIds gives a list of texts.
    identity: { placeholderIds: values.get('identity.placeholder_ids') as readonly string[] },
    pii: { keysFile: text('pii.keys_file') === '' ? null : text('pii.keys_file') },
    collect: others.collect,
    targets: others.targetsFor(text('data')),
  }
}
