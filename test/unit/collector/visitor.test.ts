/** Whose events a browser's are: consent, cookie and refusal, case by case. */
import { expect, test } from 'vitest'
import {
  type CookieChange,
  hashVisitor,
  type Identified,
  identifyVisitor,
  type Sender,
} from '../../../cli/domain/collector/visitor.ts'

const SALT = Buffer.from('the salt of this day')
const SENDER: Sender = {
  ...{ name: 'web', isBrowser: true, site: 'https://shop.example', network: '4:c0000207' },
  ...{ isDataCentre: false, userAgent: 'Mozilla/5.0', referrer: undefined, country: null },
  ...{ city: null, cookie: undefined, refuses: false, receivedMs: 0 },
}
const EVENT: Identified = { anonymous_id: undefined, session_id: undefined, consent: undefined }
const DAY_ID = hashVisitor(SENDER, SALT)
const COOKIE = 'cookie-of-ann'

const identify = (event: Partial<Identified>, sender: Partial<Sender> = {}) =>
  identifyVisitor({ ...EVENT, ...event }, { ...SENDER, ...sender }, SALT)

type Expected = readonly [id: string, consent: boolean | null, cookie: CookieChange]

test.each<readonly [string, Partial<Identified>, Partial<Sender>, Expected]>([
  ['nothing is said: the id of the day', {}, {}, [DAY_ID, null, undefined]],
  [
    'nothing is said, an id is given: that',
    { anonymous_id: 'given-id' },
    {},
    ['given-id', null, undefined],
  ],
  [
    'nothing is said, a cookie is there: it is neither used nor removed',
    {},
    { cookie: COOKIE },
    [DAY_ID, null, undefined],
  ],
  [
    'consent and a cookie: the cookie',
    { consent: true, anonymous_id: 'given-id' },
    { cookie: COOKIE },
    [COOKIE, true, undefined],
  ],
  [
    'consent and an id: a cookie with it',
    { consent: true, anonymous_id: 'given-id' },
    {},
    ['given-id', true, { set: 'given-id' }],
  ],
  [
    'consent and a session: a cookie of the session',
    { consent: true, session_id: 's-12345678' },
    {},
    ['s.s-12345678', true, { set: 's.s-12345678' }],
  ],
  [
    'consent alone: a cookie with the id of the day',
    { consent: true },
    {},
    [DAY_ID, true, { set: DAY_ID }],
  ],
  [
    'consent and a cookie that nobody here set: it is replaced',
    { consent: true, anonymous_id: 'given-id' },
    { cookie: '<b>' },
    ['given-id', true, { set: 'given-id' }],
  ],
  [
    'consent and an id that fits no cookie: none',
    { consent: true, anonymous_id: 'a b' },
    {},
    ['a b', true, undefined],
  ],
  [
    'refused: the id of the day, and the cookie goes',
    { consent: false, anonymous_id: 'given-id' },
    { cookie: COOKIE },
    [DAY_ID, false, 'remove'],
  ],
  ['refused without a cookie: none is touched', { consent: false }, {}, [DAY_ID, false, undefined]],
  [
    'the browser refuses: consent of the page does not count',
    { consent: true, anonymous_id: 'given-id' },
    { cookie: COOKIE, refuses: true },
    [DAY_ID, false, 'remove'],
  ],
  [
    'consent that is no boolean says nothing',
    { consent: 'true', anonymous_id: 'given-id' },
    {},
    ['given-id', null, undefined],
  ],
])('%s', (_name, event, sender, [id, consent, cookie]) => {
  expect(identify(event, sender)).toEqual({ id, consent, cookie })
})

test('the id of the day differs by day, site, network and user agent, and tells none of them', () => {
  const ids = [
    DAY_ID,
    hashVisitor(SENDER, Buffer.from('the salt of the next day')),
    hashVisitor({ ...SENDER, site: 'https://other.example' }, SALT),
    hashVisitor({ ...SENDER, network: '4:c0000208' }, SALT),
    hashVisitor({ ...SENDER, userAgent: 'Mozilla/6.0' }, SALT),
  ]
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) expect(id).toMatch(/^d\.[\w-]{22}$/)
  expect(hashVisitor(SENDER, SALT)).toBe(DAY_ID)
})
