/** Who may send. */
import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  ANYONE,
  isSigned,
  readAuthorization,
  WriteKeys,
} from '../../../cli/domain/collector/credentials.ts'

test('each key of a sender is known, any other text is not', () => {
  const keys = new WriteKeys(new Map([['web', ['one-key-of-web', 'next-key-of-web']]]))
  expect(['one-key-of-web', 'next-key-of-web'].map((key) => keys.findSender(key))).toEqual([
    'web',
    'web',
  ])
  for (const key of [undefined, '', 'one-key-of-we', 'one-key-of-web ', 'WEB'])
    expect(keys.findSender(key)).toBeUndefined()
})

test('without senders anyone may send; a sender without a key lets nobody in', () => {
  expect(new WriteKeys(new Map()).findSender(undefined)).toBe(ANYONE)
  expect(new WriteKeys(new Map([['web', []]])).findSender(undefined)).toBeUndefined()
})

test('a key is the user name of Basic, or the token of Bearer', () => {
  const basic = `Basic ${Buffer.from('the-key:ignored').toString('base64')}`
  expect([basic, 'Bearer the-key', 'bearer the-key'].map(readAuthorization)).toEqual([
    'the-key',
    'the-key',
    'the-key',
  ])
  expect([undefined, '', 'Digest x'].map(readAuthorization)).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

test('a webhook is signed by any of its secrets, and by its exact bytes', () => {
  const body = Buffer.from('{"id":1}')
  const signature = createHmac('sha256', 'second').update(body).digest('base64')
  expect(isSigned(body, signature, ['first', 'second'])).toBe(true)
  expect(isSigned(body, signature, ['first'])).toBe(false)
  expect(isSigned(Buffer.from('{"id": 1}'), signature, ['second'])).toBe(false)
  for (const wrong of ['', '!!', signature.slice(4)])
    expect(isSigned(body, wrong, ['second'])).toBe(false)
})
