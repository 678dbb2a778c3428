/**
 * The keys of pseudonyms. Each key of class `hash` is in force from an instant of event time, the
 * begin of one of the shop's days, until the next one's: which key an event gets follows from the
 * event alone, so that a rebuild gives the same pseudonyms. The key of class `token` is in force
 * until it is destroyed. A destroyed key leaves its name.
 */
import { CcsError } from '../kernel/errors.ts'
import { asObject, isObject, parseJson } from '../kernel/json.ts'
import { greatest } from '../kernel/lists.ts'

/** One key; it is secret. */
export interface PiiKey {
  /** Such as `hash-1`. */
  readonly id: string
  readonly class: 'hash' | 'token'
  /** Event time from which it is in force, ISO 8601; null: from the beginning. */
  readonly from: string | null
  /** 32 bytes in base64; null: it was destroyed. */
  readonly secret: string | null
  readonly destroyed?: string
}

/** The file of keys. */
export interface PiiKeys {
  readonly format: 1
  readonly keys: readonly PiiKey[]
}

/** CCS_KEYS_INVALID for a file that ccs did not write. */
export function parsePiiKeys(text: string, file: string): PiiKeys {
  const { format, keys } = asObject(parseJson(text))
  if (format === 1 && Array.isArray(keys) && keys.every(isKey)) return { format, keys }
  throw new CcsError('CCS_KEYS_INVALID', `${file} is no file of keys of ccs.`, {
    hint: 'Put it back from your copy: with other keys, persons get other pseudonyms.',
  })
}

/** The keys that were loaded. CCS_KEYS_INVALID if there is no such file. */
export function requirePiiKeys(loaded: PiiKeys | undefined, file: string): PiiKeys {
  if (loaded) return loaded
  throw new CcsError('CCS_KEYS_INVALID', `There are no keys for pseudonyms in ${file}.`, {
    hint: 'For the first ones: ccs pii rotate. If there were some: put the file back.',
  })
}

function isKey(json: unknown): json is PiiKey {
  if (!isObject(json)) return false
  const isText = (value: unknown) => value === null || typeof value === 'string'
  const isTime = json.from === null || !Number.isNaN(Date.parse(String(json.from)))
  const isKnown = json.class === 'hash' || json.class === 'token'
  return typeof json.id === 'string' && isKnown && isText(json.secret) && isTime
}

/** Begin of a key's time, ms since 1970. */
export function keyFromMs({ from }: PiiKey): number {
  return from === null ? Number.NEGATIVE_INFINITY : Date.parse(from)
}

/** Keys of a class that were not destroyed, in the order of their times. */
export function listLivingKeys({ keys }: PiiKeys, kind: PiiKey['class']): readonly PiiKey[] {
  return keys
    .filter((one) => one.class === kind && one.secret !== null)
    .sort((a, b) => keyFromMs(a) - keyFromMs(b))
}

/** What a rotation is made from. */
export interface Rotation {
  /** Begin of the shop's day, ms since 1970. */
  readonly fromMs: number
  /** Greatest event time that may have rows already, ms since 1970; null: there are none. */
  readonly newestMs: number | null
  /** New random secrets, 32 bytes in base64. */
  readonly newSecret: () => string
}

/**
 * The keys with one more of class hash; the first ones if there are none. CCS_USAGE_INVALID if
 * events of its time may have rows already: a rebuild would change them.
 */
export function rotateKeys(before: PiiKeys | undefined, rotation: Rotation): PiiKeys {
  const { fromMs, newestMs, newSecret } = rotation
  if (before === undefined) {
    const first = (kind: PiiKey['class']) => makeKey([], kind, { from: null, secret: newSecret() })
    return { format: 1, keys: [first('hash'), first('token')] }
  }
  const from = new Date(fromMs).toISOString()
  const last = greatest(before.keys.filter((one) => one.class === 'hash').map(keyFromMs))
  const refuse = (why: string) =>
    new CcsError('CCS_USAGE_INVALID', `A new key can't be in force from ${from}: ${why}.`, {
      hint: 'Name a later day: ccs pii rotate --from 2026-12-01',
    })
  if (fromMs <= last) throw refuse(`another one is from ${new Date(last).toISOString()}`)
  if (newestMs !== null && fromMs <= newestMs)
    throw refuse('there are events of that time already, and old rows must not change')
  return {
    ...before,
    keys: [...before.keys, makeKey(before.keys, 'hash', { from, secret: newSecret() })],
  }
}

/**
 * The keys without the secret of one. Events of its time get the living key before it from then on,
 * or else the next one; a token's key is replaced. CCS_USAGE_INVALID: there is no such key, or it
 * is the one in force.
 */
export function destroyKey(
  before: PiiKeys,
  id: string,
  { nowMs, newSecret }: { readonly nowMs: number } & Pick<Rotation, 'newSecret'>,
): PiiKeys {
  const key = before.keys.find((one) => one.id === id)
  const living = before.keys.filter(({ secret }) => secret !== null)
  if (key === undefined || key.secret === null)
    throw new CcsError('CCS_USAGE_INVALID', `There is no key "${id}".`, {
      hint: `Keys: ${living.map((one) => one.id).join(', ')}`,
    })
  if (key.class === 'hash' && listLivingKeys(before, 'hash').at(-1)?.id === id)
    throw new CcsError('CCS_USAGE_INVALID', `${id} is the key that is in force.`, {
      hint: 'Let another one follow first: ccs pii rotate',
    })
  const destroyed = new Date(nowMs).toISOString()
  const keys = before.keys.map((one) => (one === key ? { ...one, secret: null, destroyed } : one))
  const next =
    key.class === 'token' ? [makeKey(keys, 'token', { from: null, secret: newSecret() })] : []
  return { ...before, keys: [...keys, ...next] }
}

function makeKey(
  others: readonly PiiKey[],
  kind: PiiKey['class'],
  rest: Omit<PiiKey, 'id' | 'class' | 'destroyed'>,
): PiiKey {
  const number = others.filter((one) => one.class === kind).length + 1
  return { id: `${kind}-${number}`, class: kind, ...rest }
}
