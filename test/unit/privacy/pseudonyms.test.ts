import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { requireFieldClasses } from '../../../cli/domain/privacy/check-classes.ts'
import {
  destroyKey,
  type PiiKeys,
  parsePiiKeys,
  rotateKeys,
} from '../../../cli/domain/privacy/pii-keys.ts'
import { Pseudonymiser } from '../../../cli/domain/privacy/pseudonymiser.ts'

const CUSTOMER = { name: 'customer_id', pii: 'hash' } as const
const ORDER = { name: 'order_id', pii: 'token' } as const
const START = Date.UTC(2026, 0, 5)
const DAY = 86_400_000

/** Secrets after `first`, each another. */
function createSecrets(first = 0): () => string {
  let serial = first
  return () => Buffer.alloc(32, ++serial).toString('base64')
}

function makeKeys(...fromMs: readonly number[]): PiiKeys {
  const newSecret = createSecrets()
  const first = rotateKeys(undefined, { fromMs: 0, newestMs: null, newSecret })
  return fromMs.reduce(
    (keys, from) => rotateKeys(keys, { fromMs: from, newestMs: null, newSecret }),
    first,
  )
}

const open = (keys: PiiKeys) =>
  new Pseudonymiser({ fields: [CUSTOMER, ORDER], keys, placeholderIds: ['guest', ''] })

describe('a pseudonym', () => {
  test('is HMAC-SHA-256 of field and value, and digits that prove it', () => {
    const secret = Buffer.alloc(32, 1)
    const sign = (text: string) => createHmac('sha256', secret).update(text).digest('hex')
    const hash = sign('value\0customer_id\0c1').slice(0, 24)
    const check = sign(`check\0customer_id\0${hash}`).slice(0, 8)
    expect(open(makeKeys()).replace(CUSTOMER, 'c1', START)).toBe(hash + check)
  })

  test('stays as it is when it comes again, with a later key too', () => {
    const keys = makeKeys(START)
    const old = open(keys).replace(CUSTOMER, 'c1', START - 1) ?? ''
    expect(open(keys).replace(CUSTOMER, old, START)).toBe(old)
    // Of 32 digits that are no pseudonym, there is one.
    const other = `${old.slice(0, 31)}${old.endsWith('0') ? '1' : '0'}`
    expect(open(keys).replace(CUSTOMER, other, START)).not.toBe(other)
  })

  test('is not made of a text that is nobody’s id', () => {
    expect(open(makeKeys()).replace(CUSTOMER, ' Guest', START)).toBe(' Guest')
  })

  test('changes with the key of its class only', () => {
    const pseudonymiser = open(makeKeys(START, START + DAY))
    const at = (field: typeof CUSTOMER | typeof ORDER, ms: number) =>
      pseudonymiser.replace(field, 'x', ms)
    expect(at(CUSTOMER, START - 1)).not.toBe(at(CUSTOMER, START))
    expect(at(CUSTOMER, START + DAY - 1)).toBe(at(CUSTOMER, START))
    expect(at(ORDER, START - 1)).toBe(at(ORDER, START + DAY))
    expect(pseudonymiser.listValues('customer_id', 'x')).toHaveLength(3)
    expect(pseudonymiser.listValues('page', 'x')).toEqual(['x'])
  })
})

describe('keys', () => {
  const newSecret = createSecrets(100)

  test('follow one another in event time, after all rows', () => {
    const keys = makeKeys(START)
    const rotation = { newestMs: START + DAY, newSecret }
    expect(() => rotateKeys(keys, { ...rotation, fromMs: START })).toThrow('another one is from')
    expect(() => rotateKeys(keys, { ...rotation, fromMs: START + DAY })).toThrow('already')
    expect(rotateKeys(keys, { ...rotation, fromMs: START + DAY + 1 }).keys).toHaveLength(4)
  })

  test('that are destroyed leave their names, and the others take over', () => {
    const keys = makeKeys(START)
    expect(() => destroyKey(keys, 'hash-2', { nowMs: START, newSecret })).toThrow('in force')
    expect(() => destroyKey(keys, 'hash-9', { nowMs: START, newSecret })).toThrow('no key')
    const left = destroyKey(keys, 'hash-1', { nowMs: START, newSecret })
    expect(left.keys[0]).toMatchObject({ id: 'hash-1', secret: null })
    const [one] = open(left).listValues('customer_id', 'x')
    expect(open(left).replace(CUSTOMER, 'x', START - 1)).toBe(one)
    const token = destroyKey(keys, 'token-1', { nowMs: START, newSecret })
    expect(token.keys.at(-1)?.id).toBe('token-2')
    expect(open(token).replace(ORDER, 'x', 0)).not.toBe(open(keys).replace(ORDER, 'x', 0))
  })

  test('of another program are refused', () => {
    for (const text of ['', '{}', '{"format":1,"keys":[{"id":1}]}'])
      expect(() => parsePiiKeys(text, 'keys.json')).toThrow('keys.json is no file of keys of ccs')
  })
})

describe('a class that is not possible is refused', () => {
  const schema = readFileSync('schemas/events.raw.avsc', 'utf8')
  const check = (from: string, to: string, file = 'schemas/events.raw.avsc') =>
    requireFieldClasses([{ file, text: schema.replace(from, to) }])
  const withClass = (name: string, pii: string, file?: string) =>
    check(`{ "name": "${name}"`, `{ "name": "${name}", "pii": "${pii}"`, file)

  test.each([
    ['event_id', 'hash', 'repetitions are found by it'],
    ['user_agent', 'drop', 'bots are recognised by it'],
    ['order_id', 'hash', 'would count again'],
    ['currency', 'hash', 'no free text'],
    ['tax_minor', 'token', 'no free text'],
    ['anonymous_id', 'drop', 'it is never null'],
    ['customer_id', 'drop', 'a sign_up requires it'],
    ['sku', 'hash', 'a field of a list'],
    ['geo_city', 'dropped', 'which there is not'],
  ])('%s can’t be %s', (name, pii, why) => {
    expect(() => withClass(name, pii)).toThrow(why)
  })

  test('nor in another schema', () => {
    expect(() => withClass('geo_city', 'drop', 'schemas/silver.events.avsc')).toThrow('only events')
  })

  test('others are not, and kept versions are not looked at', () => {
    withClass('geo_city', 'drop')
    withClass('sku', 'plain')
    withClass('order_id', 'token')
    withClass('event_id', 'hash', 'schemas/history/events.raw/1.id1.avsc')
  })
})
