/** The rules for bots in sql/macros.sql, by DuckDB, against public lists of user agents. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import crawlers from 'crawler-user-agents'
import { isbot } from 'isbot'
import browsers from 'top-user-agents'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestDuck, projectFile, type TestDuck } from '../model-files.ts'

const CASE = path.join(import.meta.dirname, '../../fixtures/cases/10-bots/ua.ndjson')

let duck: TestDuck
beforeAll(async () => {
  duck = await openTestDuck()
  await duck.connection.run("SET VARIABLE shop_timezone = 'UTC'; SET VARIABLE now_ms = 0")
  await duck.connection.run(projectFile('sql/macros.sql').text)
})
afterAll(() => duck.close())

/** The rule for each user agent, null for people. */
async function rulesOf(
  agents: readonly (string | null)[],
  { device = 'desktop', source = 'web' } = {},
): Promise<readonly (string | null)[]> {
  const { rows } = await duck.connection.all(
    `SELECT bot_rule($2, $3, agent) AS rule
     FROM (SELECT unnest(from_json($1::JSON, '["VARCHAR"]')) AS agent)`,
    [JSON.stringify(agents), device, source],
  )
  return rows.map(({ rule }) => (rule === null ? null : String(rule)))
}

test('the fifteen user agents of public reports are told apart', async () => {
  const events = readFileSync(CASE, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { anon: string; ua: string })
  const rules = await rulesOf(events.map(({ ua }) => ua))
  const found = events.map(({ anon }, i) => `${anon}: ${rules[i]}`)
  expect(found).toEqual([
    'human-0: null',
    'human-1: null',
    'human-2: null',
    'bot-3: no browser',
    'bot-4: no browser',
    'bot-5: no browser',
    'bot-6: name',
    'bot-7: name',
    'bot-8: headless',
    'bot-9: headless',
    'bot-10: address',
    'bot-11: address',
    'bot-12: name',
    'bot-13: name',
    'human-14: null',
  ])
})

test('nearly all known crawlers are bots, and none of the common browsers', async () => {
  const agents = crawlers.flatMap(({ instances }) => instances)
  const rules = await rulesOf(agents)
  const missed = agents.filter((_, i) => rules[i] === null)
  expect(missed.length / agents.length).toBeLessThan(0.03)
  // isbot, a package of 200 patterns with the same aim, shows what there is to win.
  expect(missed.filter((agent) => isbot(agent)).length / agents.length).toBeLessThan(0.03)
  const people = await rulesOf(browsers)
  expect(browsers.filter((_, i) => people[i] !== null)).toEqual([])
})

test('phones with bot in their name are people, and bots that name a phone are bots', async () => {
  const phone = (name: string) =>
    `Mozilla/5.0 (Linux; Android 8.1.0; ${name}) AppleWebKit/537.36 Chrome/72.0 Mobile Safari/537.36`
  const phones = ['CUBOT_X18_Plus', 'Cubot Note S', 'XBot_Senior', 'IDbot553', 'VR BOT 552 PLUS']
  expect(await rulesOf(phones.map(phone))).toEqual(phones.map(() => null))
  expect(
    await rulesOf([
      `${phone('CUBOT_X18')} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)`,
      phone('CUBOT Spider'),
    ]),
  ).toEqual(['name', 'name'])
})

test('only an event of a website has to come from a browser', async () => {
  const agents = ['okhttp/4.9.0', 'GuzzleHttp/7', 'MyShop/3.1 CFNetwork/1410 Darwin/22.6.0', null]
  expect(await rulesOf(agents)).toEqual(['no browser', 'no browser', null, null])
  expect(await rulesOf(agents, { source: 'server' })).toEqual([null, null, null, null])
  expect(await rulesOf(agents, { source: 'app' })).toEqual([null, null, null, null])
  expect(await rulesOf([null], { device: 'bot' })).toEqual(['device'])
})
