/**
 * Reads `collect:` of ccs.yml, the settings of the collector: where it listens, who may send, and
 * how much. Variables that are not set are faults only of `ccs collect`, as with targets.
 */
import type { DocumentReader } from '../documents/document-reader.ts'
import {
  readList,
  readSecret,
  readSize,
  readText,
  readWholeNumber,
  type ValueReader,
} from '../documents/value-readers.ts'
import type { VariableSources } from '../documents/variables.ts'
import { asObject, isObject } from '../kernel/json.ts'
import { fillSetting, readSettings } from './read-settings.ts'

/** The settings of the collector. */
export interface CollectSettings {
  /** The address of the network interface that it listens on. */
  readonly host: string
  readonly port: number
  /** Path of the tracker, `/ccs.js`; that of its module and its types differs in the ending. */
  readonly script: string
  /** Path that the tracker sends to. */
  readonly path: string
  /** Path of the pixel for pages without JavaScript. */
  readonly pixel: string
  /** Pages that may send, as `https://shop.example`; those of the collector itself always may. */
  readonly origins: readonly string[]
  /** Write keys by the name of their sender; several of one sender while they are exchanged. */
  readonly keys: ReadonlyMap<string, readonly string[]>
  /** What webhooks are signed with, by shop system. */
  readonly secrets: { readonly shopify: readonly string[]; readonly woocommerce: readonly string[] }
  /** Headers in which a proxy names the visitor's address and place; '' for none. */
  readonly headers: { readonly address: string; readonly country: string; readonly city: string }
  /** Name of the cookie that holds the id of a visitor who consented. */
  readonly cookie: string
  readonly eventBytesMax: number
  readonly requestBytesMax: number
  /** Events a second that a key, and browsers in one network, may send. */
  readonly rate: { readonly key: number; readonly network: number }
  /** More page and item views a minute of one visitor who does nothing else are a bot's. */
  readonly botViewsPerMinute: number
  /** Names of environment variables that are needed and not set. */
  readonly missing: readonly string[]
}

const KIB = 1024

const readPath: ValueReader<string> = (value) =>
  typeof value === 'string' && /^(\/[\w.~-]+)+$/.test(value) && !value.includes('..')
    ? { value }
    : { wrong: 'must be a path such as /ccs.js.' }

const readScript: ValueReader<string> = (value) =>
  typeof value === 'string' && value.endsWith('.js')
    ? readPath(value)
    : { wrong: 'must be a path that ends in .js, such as /ccs.js.' }

const readHeader: ValueReader<string> = (value) =>
  typeof value === 'string' && /^[a-z0-9-]+$/i.test(value)
    ? { value: value.toLowerCase() }
    : { wrong: 'must be the name of a header, such as x-forwarded-for.' }

const readCookie: ValueReader<string> = (value) =>
  typeof value === 'string' && /^[\w-]{1,40}$/.test(value)
    ? { value }
    : { wrong: 'must be letters, digits, "_" and "-".' }

/** Scheme, host and port as browsers send them in Origin. */
const readOrigins: ValueReader<readonly string[]> = (value) => {
  const list = readList(value)
  if ('wrong' in list) return list
  const wrong = list.value.find((one) => !URL.canParse(one) || new URL(one).origin !== one)
  return wrong === undefined
    ? list
    : { wrong: `must be a list of addresses such as https://shop.example, without a path.` }
}

const SETTINGS: Readonly<Record<string, readonly [fallback: unknown, read: ValueReader<unknown>]>> =
  {
    host: ['127.0.0.1', readText],
    port: [8095, readWholeNumber(0, 65_535)],
    script: ['/ccs.js', readScript],
    path: ['/ccs/in', readPath],
    pixel: ['/ccs.gif', readPath],
    origins: [[], readOrigins],
    cookie: ['ccs_id', readCookie],
    'headers.address': ['', readHeader],
    'headers.country': ['', readHeader],
    'headers.city': ['', readHeader],
    event_bytes_max: [32 * KIB, readSize(KIB, 1024 * KIB)],
    request_bytes_max: [500 * KIB, readSize(KIB, 64 * 1024 * KIB)],
    'rate.key': [10_000, readWholeNumber(1, 10_000_000)],
    'rate.network': [100, readWholeNumber(1, 10_000_000)],
    bot_views_per_minute: [120, readWholeNumber(1, 1_000_000)],
  }

/** Where the settings come from. */
export interface CollectReading {
  readonly env: VariableSources['env']
  readonly reader: DocumentReader
}

/** The settings, with defaults for what `value` does not say. Faults go to the reader. */
export function readCollect(value: unknown, { env, reader }: CollectReading): CollectSettings {
  const missing: string[] = []
  let keys: SecretLists = new Map()
  let secrets: SecretLists = new Map()
  const map = value === null || value === undefined ? {} : value
  if (!isObject(map)) reader.fault(['collect'], 'collect must contain settings, one per line.')
  const read = readSettings(asObject(map), {
    ...{ path: ['collect'], what: (of) => `a setting of "${of.join('.')}"` },
    ...{ env, reader },
    settings: Object.fromEntries(Object.entries(SETTINGS).map(([key, [, one]]) => [key, one])),
    others: {
      keys: (given, path) => {
        keys = readSecretLists(given, { path, env, reader, missing, read: readWriteKey })
      },
      secrets: (given, path) => {
        const names = ['shopify', 'woocommerce']
        secrets = readSecretLists(given, {
          path,
          names,
          env,
          reader,
          missing,
          read: readSignSecret,
        })
      },
    },
  })
  // The key's reader in SETTINGS returns a value of the type of its default.
  const get = <T>(key: string) => (read.values.get(key) ?? SETTINGS[key]?.[0]) as T
  const header = (name: string) => get<string>(`headers.${name}`)
  return {
    ...{ host: get('host'), port: get('port'), script: get('script'), path: get('path') },
    ...{ pixel: get('pixel'), origins: get('origins'), cookie: get('cookie'), keys },
    secrets: {
      shopify: secrets.get('shopify') ?? [],
      woocommerce: secrets.get('woocommerce') ?? [],
    },
    headers: { address: header('address'), country: header('country'), city: header('city') },
    eventBytesMax: get('event_bytes_max'),
    requestBytesMax: get('request_bytes_max'),
    rate: { key: get('rate.key'), network: get('rate.network') },
    botViewsPerMinute: get('bot_views_per_minute'),
    missing: [...read.missing, ...missing],
  }
}

type SecretLists = ReadonlyMap<string, readonly string[]>

interface SecretsReading extends CollectReading {
  readonly path: readonly string[]
  /** Those that there may be; any if absent. */
  readonly names?: readonly string[]
  readonly read: ValueReader<string>
  /** Gets the variables that are not set. */
  readonly missing: string[]
}

/** Secrets by name: one text, or a list of them while they are exchanged. */
function readSecretLists(value: unknown, reading: SecretsReading): SecretLists {
  const { path, names, env, reader, read, missing } = reading
  const lists = new Map<string, readonly string[]>()
  for (const [name, given] of Object.entries(reader.map(value, path, path.join('.'), names))) {
    const at = [...path, name]
    if (!/^[a-z][a-z0-9_-]{0,62}$/.test(name))
      reader.fault(at, 'A name must be lower-case letters, digits, "-" and "_".', undefined, 'key')
    const list: string[] = []
    for (const one of Array.isArray(given) ? given : [given]) {
      const filled = fillSetting(one, env)
      if ('missing' in filled) missing.push(filled.missing)
      else {
        const text = 'wrong' in filled ? '' : String(filled.value ?? '')
        // A variable without a value: the next secret is not there yet.
        if (text === '' && one !== '' && !('wrong' in filled)) continue
        const found = 'wrong' in filled ? filled : read(text)
        if ('value' in found) list.push(found.value)
        // The place of the whole map: the line of a secret would be shown.
        else reader.fault(path, `${at.join('.')} ${found.wrong}`, undefined, 'key')
      }
    }
    lists.set(name, list)
  }
  return lists
}

const KEY_LENGTH_MIN = 12

/** Of a webhook: whatever the shop system made. */
const readSignSecret: ValueReader<string> = (value) => {
  const read = readSecret(value)
  if ('wrong' in read || read.value.length >= KEY_LENGTH_MIN) return read
  return { wrong: `must have at least ${KEY_LENGTH_MIN} characters: openssl rand -hex 16` }
}

/** A key that addresses can have as it is. */
const readWriteKey: ValueReader<string> = (value) => {
  const read = readSignSecret(value)
  if ('wrong' in read || /^[\w.~-]+$/.test(read.value)) return read
  return { wrong: 'may have letters, digits, ".", "_", "~" and "-": openssl rand -hex 16' }
}
