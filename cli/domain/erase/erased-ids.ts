/**
 * The ids of persons who were erased, as keyed hashes: enough to refuse what comes later, not
 * enough to tell who they were. The key lies beside them and leaves the data directory only with a
 * backup.
 */
import { createHmac } from 'node:crypto'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { asObject, parseJson } from '../kernel/json.ts'

/** Whose events are erased: a customer, or a visitor by anonymous id. */
export interface Person {
  readonly kind: 'customer' | 'visitor'
  readonly id: string
}

/** The kinds of persons. */
export const PERSON_KINDS: readonly Person['kind'][] = ['customer', 'visitor']

/** The field of an event that has the id of such a person. */
export const ID_FIELD: Readonly<Record<Person['kind'], string>> = {
  customer: 'customer_id',
  visitor: 'anonymous_id',
}

interface ErasedId {
  readonly kind: Person['kind']
  /** A quick hash: only where it matches, the keyed hash is computed. */
  readonly quick: number
  /** HMAC-SHA-256 in base64. */
  readonly hash: string
}

/** The file `erased.json`. */
export interface ErasedList {
  readonly format: 1
  /** Base64. */
  readonly key: string
  readonly ids: readonly ErasedId[]
}

/** Finds erased ids among those of events. */
export class ErasedIds {
  readonly #key: Buffer
  readonly #byQuick = new Map<number, readonly ErasedId[]>()

  constructor({ key, ids }: ErasedList) {
    this.#key = Buffer.from(key, 'base64')
    for (const one of ids)
      this.#byQuick.set(one.quick, [...(this.#byQuick.get(one.quick) ?? []), one])
  }

  /** `id` is UTF-8. */
  has(kind: Person['kind'], id: Uint8Array): boolean {
    const some = this.#byQuick.get(hashQuickly(this.#key, id))
    if (some === undefined) return false
    const hash = hashKeyed(this.#key, kind, id)
    return some.some((one) => one.kind === kind && one.hash === hash)
  }
}

/** The list with one more person; the same list if it has the person already. */
export function addErased(list: ErasedList, { kind, id }: Person): ErasedList {
  const bytes = Buffer.from(id)
  if (new ErasedIds(list).has(kind, bytes)) return list
  const key = Buffer.from(list.key, 'base64')
  const one = { kind, quick: hashQuickly(key, bytes), hash: hashKeyed(key, kind, bytes) }
  return { ...list, ids: [...list.ids, one] }
}

/** The keyed hash by which a receipt names a person. */
export function nameErased({ key }: ErasedList, { kind, id }: Person): string {
  return hashKeyed(Buffer.from(key, 'base64'), kind, Buffer.from(id))
}

/**
 * CCS_MANIFEST_INVALID for a file that this ccs does not understand: erased persons would come
 * back.
 */
export function parseErased(text: string, file: string): ErasedList {
  const list = asObject(parseJson(text))
  const { format } = list
  if (format === 1 && typeof list.key === 'string' && Array.isArray(list.ids))
    return list as unknown as ErasedList // ccs alone writes the file
  if (typeof format === 'number' && format > 1) {
    const what = `${file} has format ${format}; this ccs knows formats up to 1`
    throw new CcsError('CCS_MANIFEST_INVALID', `${what}.`, {
      exit: EXIT.usage,
      hint: 'Run the newer ccs that wrote it, or point --data at another directory.',
    })
  }
  throw new CcsError('CCS_MANIFEST_INVALID', `${file} is not a list of erased persons of ccs.`, {
    hint: 'Restore the file from a backup: without it, their events would be taken in again.',
  })
}

function hashKeyed(key: Buffer, kind: Person['kind'], id: Uint8Array): string {
  return createHmac('sha256', key).update(`${kind}\0`).update(id).digest('base64')
}

/** FNV-1a, begun with the key. */
function hashQuickly(key: Buffer, id: Uint8Array): number {
  let hash = key.readInt32LE(0)
  for (const byte of id) hash = Math.imul(hash ^ byte, 16_777_619)
  return hash
}
