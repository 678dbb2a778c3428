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
import { didYouMean } from '../kernel/did-you-mean.ts'
import { isObject, type JsonObject } from '../kernel/json.ts'
import { fillSetting } from './read-targets.ts'

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

/** Secrets by name: one text, or a list of them while they are exchanged. */
const SECRET_MAPS: Readonly<Record<string, readonly string[] | undefined>> = {
  keys: undefined, // any names
  secrets: ['shopify', 'woocommerce'],
}

/** Where the settings come from. */
export interface CollectReading {
  readonly env: VariableSources['env']
  readonly reader: DocumentReader
}

/** The settings, with defaults for what `value` does not say. Faults go to the reader. */
export function readCollect(value: unknown, reading: CollectReading): CollectSettings {
  const values = new Map<string, unknown>()
  const secrets = new Map<string, readonly string[]>()
  const missing: string[] = []
  const into = { values, secrets, missing }
  if (value !== undefined && value !== null) {
    if (isObject(value)) readMap(value, ['collect'], into, reading)
    else reading.reader.fault(['collect'], 'collect must contain settings, one per line.')
  }
  // The key's reader in SETTINGS returns a value of the type of its default.
  const get = <T>(key: string) => (values.get(key) ?? SETTINGS[key]?.[0]) as T
  const named = (prefix: string) =>
    [...secrets].flatMap(([key, list]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), list] as const] : [],
    )
  const header = (name: string) => get<string>(`headers.${name}`)
  return {
    ...{ host: get('host'), port: get('port'), script: get('script'), path: get('path') },
    ...{ pixel: get('pixel'), origins: get('origins'), cookie: get('cookie') },
    keys: new Map(named('keys.')),
    secrets: {
      shopify: secrets.get('secrets.shopify') ?? [],
      woocommerce: secrets.get('secrets.woocommerce') ?? [],
    },
    headers: { address: header('address'), country: header('country'), city: header('city') },
    eventBytesMax: get('event_bytes_max'),
    requestBytesMax: get('request_bytes_max'),
    rate: { key: get('rate.key'), network: get('rate.network') },
    botViewsPerMinute: get('bot_views_per_minute'),
    missing,
  }
}

interface Into {
  readonly values: Map<string, unknown>
  readonly secrets: Map<string, readonly string[]>
  readonly missing: string[]
}

function readMap(map: JsonObject, path: readonly string[], into: Into, reading: CollectReading) {
  const { env, reader } = reading
  const prefix = path.slice(1).map((step) => `${step}.`)
  const known = [
    ...Object.keys(SETTINGS)
      .filter((key) => key.startsWith(prefix.join('')))
      .map((key) => key.slice(prefix.join('').length).split('.')[0] ?? ''),
    ...(path.length === 1 ? Object.keys(SECRET_MAPS) : []),
  ]
  for (const [name, value] of Object.entries(map)) {
    const here = [...path, name]
    const key = here.slice(1).join('.')
    const setting = SETTINGS[key]
    if (setting !== undefined) {
      const filled = fillSetting(value, env)
      if ('missing' in filled) into.missing.push(filled.missing)
      else if ('wrong' in filled) reader.fault(here, `${here.join('.')} ${filled.wrong}`)
      else into.values.set(key, reader.value(filled.value, here, setting[1]))
    } else if (path.length === 1 && name in SECRET_MAPS) {
      readSecrets(value, here, into, reading)
    } else if (known.includes(name) && isObject(value)) readMap(value, here, into, reading)
    else
      reader.fault(
        here,
        () => `${reader.quoteKey(here)} is not a setting of "${path.join('.')}".`,
        () => didYouMean(name, known),
        'key',
      )
  }
}

function readSecrets(value: unknown, path: string[], into: Into, { env, reader }: CollectReading) {
  const [, kind = ''] = path
  const names = SECRET_MAPS[kind]
  for (const [name, given] of Object.entries(reader.map(value, path, kind, names))) {
    const here = [...path, name]
    if (!/^[a-z][a-z0-9_-]{0,62}$/.test(name))
      reader.fault(
        here,
        'A name must be lower-case letters, digits, "-" and "_".',
        undefined,
        'key',
      )
    const list: string[] = []
    for (const one of Array.isArray(given) ? given : [given]) {
      const filled = fillSetting(one, env)
      if ('missing' in filled) into.missing.push(filled.missing)
      else if ('wrong' in filled) reader.fault(here, `${here.join('.')} ${filled.wrong}`)
      else {
        const text = typeof filled.value === 'number' ? String(filled.value) : filled.value
        const secret = reader.value(text, here, kind === 'keys' ? readWriteKey : readSignSecret)
        if (secret !== undefined) list.push(secret)
      }
    }
    into.secrets.set(`${kind}.${name}`, list)
  }
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
