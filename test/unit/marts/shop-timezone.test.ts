/**
 * The marts build in any timezone: a unit test of dbt/ whose model computes shop days sets the
 * zone that its expected days are in, because ccs passes that of ccs.yml to dbt.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const DBT = 'dbt'

interface UnitTest {
  readonly name: string
  readonly model: string
  readonly overrides?: { readonly vars?: Readonly<Record<string, unknown>> }
}

function readSql(folder: string): readonly { readonly name: string; readonly text: string }[] {
  return readdirSync(path.join(DBT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.sql'))
    .map((file) => ({
      name: path.basename(file, '.sql'),
      text: readFileSync(path.join(DBT, folder, file), 'utf8'),
    }))
}

/** Names of the macros that read the zone, directly or through one another. */
function findZonedMacros(): ReadonlySet<string> {
  const bodies = readSql('macros').flatMap(({ text }) =>
    [...text.matchAll(/{%\s*macro (\w+)\(.*?{%-?\s*endmacro/gs)].map(([body, name = '']) => ({
      name,
      body,
    })),
  )
  const zoned = new Set<string>(['shop_timezone', 'shop_time'])
  for (let before = 0; before !== zoned.size; ) {
    before = zoned.size
    for (const { name, body } of bodies) if (mentions(body, zoned)) zoned.add(name)
  }
  return zoned
}

function mentions(text: string, names: ReadonlySet<string>): boolean {
  return [...names].some((name) => new RegExp(`\\b${name}\\b`).test(text))
}

const unitTests: readonly UnitTest[] = parse(
  readFileSync(path.join(DBT, 'models/unit_tests.yml'), 'utf8'),
).unit_tests

test('models that compute shop days are found through the macros they call', () => {
  const zoned = findZonedMacros()
  const models = readSql('models').filter(({ text }) => mentions(text, zoned))
  const names = models.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['stg_events', 'stg_sessions', 'fct_sessions']))
  expect(names).not.toContain('active_users')
})

test('each unit test of such a model sets the timezone of its shop', () => {
  const zoned = findZonedMacros()
  const models = new Set(
    readSql('models').flatMap(({ name, text }) => (mentions(text, zoned) ? name : [])),
  )
  const unset = unitTests.filter(({ model, overrides }) => {
    return models.has(model) && overrides?.vars?.shop_timezone === undefined
  })
  expect(unset.map(({ name }) => name)).toEqual([])
})

test('no model or macro names a timezone', () => {
  const zone = /(Europe|America|Asia|Australia|Pacific|Africa|Atlantic)\/[A-Z]/
  const named = [...readSql('models'), ...readSql('macros')].filter(({ text }) => zone.test(text))
  expect(named.map(({ name }) => name)).toEqual([])
})
