/**
 * Replaces the values of classified fields. A pseudonym is 32 hexadecimal digits: the first 24 of
 * HMAC-SHA-256 of field and value, and 8 of HMAC-SHA-256 of those. By the last 8 a pseudonym of any
 * living key is recognised and left as it is: a record that was made again from Bronze, which has
 * pseudonyms, gives the same row as before.
 */
import { createHmac } from 'node:crypto'
import { CcsError } from '../kernel/errors.ts'
import { type ClassifiedField, PSEUDONYM_LENGTH } from './field-classes.ts'
import { keyFromMs, listLivingKeys, type PiiKey, type PiiKeys } from './pii-keys.ts'

/** What values are replaced with. */
export interface PseudonymiserOptions {
  readonly fields: readonly ClassifiedField[]
  readonly keys: PiiKeys
  /** Texts that are nobody's id, in lower case; they stay. */
  readonly placeholderIds: readonly string[]
}

const HASH_DIGITS = 24
const PSEUDONYM = new RegExp(`^[0-9a-f]{${PSEUDONYM_LENGTH}}$`)
/** Pseudonyms that are remembered, by key and field. */
const REMEMBERED_MAX = 50_000

/** Made once for a set of keys. */
export class Pseudonymiser {
  readonly fields: readonly ClassifiedField[]
  readonly #keys: Readonly<Record<PiiKey['class'], readonly LivingKey[]>>
  readonly #placeholders: ReadonlySet<string>

  /** CCS_KEYS_INVALID if a class has no key. */
  constructor({ fields, keys, placeholderIds }: PseudonymiserOptions) {
    this.fields = fields
    const open = (kind: PiiKey['class']) => listLivingKeys(keys, kind).map(openKey)
    this.#keys = { hash: open('hash'), token: open('token') }
    this.#placeholders = new Set(placeholderIds)
    for (const { name, pii } of fields)
      if (pii !== 'drop' && this.#keys[pii].length === 0)
        throw new CcsError('CCS_KEYS_INVALID', `There is no key for ${name}, which is ${pii}.`, {
          hint: 'Make one: ccs pii rotate',
        })
  }

  /** The value for an event of this corrected time, ms since 1970; null: it goes. */
  replace({ name, pii }: ClassifiedField, value: string, eventMs: number): string | null {
    if (pii === 'drop') return null
    if (this.#placeholders.has(value.trim().toLowerCase())) return value
    const keys = this.#keys[pii]
    if (PSEUDONYM.test(value) && keys.some((key) => isPseudonymOf(key, name, value))) return value
    const key = keys.findLast(({ fromMs }) => fromMs <= eventMs) ?? keys[0]
    return key === undefined ? value : hashValue(key, name, value)
  }

  /** All values that stand for a field's value in rows: itself if it is plain. */
  listValues(name: string, value: string): readonly string[] {
    const field = this.fields.find((one) => one.name === name)
    if (field === undefined) return [value]
    if (field.pii === 'drop') return []
    return this.#keys[field.pii].map((key) => hashValue(key, name, value))
  }
}

/** Which fields get pseudonyms, and what makes them. */
export interface PseudonymSource {
  readonly fields: readonly ClassifiedField[]
  /** CCS_KEYS_INVALID without keys: no row is made then. */
  readonly open: () => Pseudonymiser
}

interface LivingKey {
  readonly fromMs: number
  readonly secret: Buffer
  /** Field → value → pseudonym. */
  readonly known: Map<string, Map<string, string>>
}

function openKey(key: PiiKey): LivingKey {
  const secret = Buffer.from(key.secret ?? '', 'base64')
  return { fromMs: keyFromMs(key), secret, known: new Map() }
}

function hashValue({ secret, known }: LivingKey, field: string, value: string): string {
  const byValue = known.get(field) ?? new Map<string, string>()
  known.set(field, byValue)
  const found = byValue.get(value)
  if (found !== undefined) return found
  const hash = sign(secret, `value\0${field}\0${value}`, HASH_DIGITS)
  const pseudonym = hash + checkDigits(secret, field, hash)
  if (byValue.size >= REMEMBERED_MAX) byValue.clear()
  byValue.set(value, pseudonym)
  return pseudonym
}

function isPseudonymOf({ secret }: LivingKey, field: string, value: string): boolean {
  const hash = value.slice(0, HASH_DIGITS)
  return checkDigits(secret, field, hash) === value.slice(HASH_DIGITS)
}

function checkDigits(secret: Buffer, field: string, hash: string): string {
  return sign(secret, `check\0${field}\0${hash}`, PSEUDONYM_LENGTH - HASH_DIGITS)
}

function sign(secret: Buffer, text: string, digits: number): string {
  return createHmac('sha256', secret).update(text).digest('hex').slice(0, digits)
}
