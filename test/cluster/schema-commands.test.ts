/** ccs schema register, check, diff and list on a real registry, run as a user runs them. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'vitest'
import type { RemoteRegistry } from '../../cli/domain/avro/schema-registry.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { unusedAddress } from '../fixtures/registry-proxy.ts'
import { registryTest } from '../fixtures/registry-test.ts'

interface Shop {
  readonly registry: RemoteRegistry
  /** Of the target `t`. */
  readonly prefix: string
  readonly dir: string
  /** Runs `ccs schema …` on the target, or on none. */
  readonly schema: (...args: string[]) => ReturnType<typeof runCcs>
  /** The JSON document of such a command. */
  readonly ask: (...args: string[]) => Promise<Answer>
  readonly edit: (file: string, change: (text: string) => string) => void
  /** Keeps the schema in force as the next version. */
  readonly keep: (topic: string, version: number) => void
}

/** JSON.parse's, of four commands: what is missing in it fails the test. */
type Answer = ReturnType<typeof JSON.parse>

/** A line of `register`, or a topic of `list` and `check`. */
interface Row {
  readonly topic: string
  readonly subject: string
  readonly kept: number
  readonly version: number
  readonly id: number
  readonly state: string
}

/** A project with a target `t` on the real registry. */
function shopTest(name: string, run: (shop: Shop) => Promise<void>): void {
  registryTest(name, async (registry, prefix, cluster) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ccs-registry-'))
    for (const part of ['sql', 'schemas', 'dbt/models', 'ccs.yml'])
      cpSync(path.join(ROOT, part), path.join(dir, part), { recursive: true })
    writeFileSync(path.join(dir, 'ccs.yml'), configOf(cluster.brokers, cluster.registry, prefix))
    const schema = (...args: string[]) =>
      runCcs(['schema', ...args, '--target', 't', '--project', dir])
    const edit: Shop['edit'] = (file, change) => {
      const before = readFileSync(path.join(dir, file), 'utf8')
      expect(change(before)).not.toBe(before)
      writeFileSync(path.join(dir, file), change(before))
    }
    try {
      await run({
        registry,
        prefix,
        dir,
        schema,
        edit,
        ask: async (...args) => JSON.parse((await schema(...args, '--json')).stdout),
        keep: (topic, version) =>
          cpSync(
            path.join(dir, `schemas/${topic}.avsc`),
            path.join(dir, `schemas/history/${topic}/${version}.id${90 + version}.avsc`),
          ),
      })
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
}

function configOf(brokers: string, registry: string, prefix: string): string {
  return `targets:
  t:
    engine: embedded
    prefix: ${prefix}
    kafka: { brokers: "${brokers}" }
    registry: { url: "${registry}" }
  down:
    engine: embedded
    kafka: { brokers: "${brokers}" }
    registry: { url: "\${DOWN:-http://127.0.0.1:1}", username: carla, password: geheim }
`
}

const RAW = 'schemas/events.raw.avsc'
const withField = (field: string) => (text: string) =>
  text.replace('{ "name": "coupon"', `${field},\n    { "name": "coupon"`)
const SHELF = '{ "name": "shelf", "type": ["null", "string"], "default": null }'
const withoutLogin = (text: string) =>
  text.replace(', "login"', '').replace(/,\s*"login": \["customer_id"\]/, '')

shopTest(
  'all schemas are registered once, at the level of the check, and their ids are printed',
  async (shop) => {
    const dry = await shop.ask('register', '--dry-run')
    expect(dry).toMatchObject({ ok: true, dryRun: true })
    expect(new Set(dry.versions.map((one: Row) => one.state))).toEqual(new Set(['pending']))
    const subject = `${shop.prefix}events.raw-value`
    expect(await shop.registry.versions(subject)).toEqual([])
    const first = await shop.ask('register')
    expect(first.versions.length).toBe(dry.versions.length)
    expect(new Set(first.versions.map((one: Row) => one.state))).toEqual(new Set(['registered']))
    const raw = first.versions.find((one: Row) => one.subject === subject)
    const [there] = await shop.registry.versions(subject)
    expect(raw).toMatchObject({ topic: 'events.raw', kept: 1, version: 1, id: there?.id })
    expect(await shop.registry.compatibility(subject)).toBe('BACKWARD_TRANSITIVE')
    const again = await shop.ask('register')
    expect(again.versions).toEqual(
      first.versions.map((one: Row) => ({ ...one, state: 'unchanged' })),
    )
    const { stdout, code } = await shop.schema('diff')
    expect([code, stdout]).toEqual([0, 'The registry of t has all versions, and no more.\n'])
  },
)

shopTest(
  'an additive change is shown and goes through; older versions keep their ids',
  async (shop) => {
    const before = await shop.ask('register', 'events.raw')
    shop.edit(RAW, withField(SHELF))
    const unkept = await shop.schema('register', 'events.raw')
    expect(unkept.code).toBe(2)
    expect(unkept.stderr).toMatch(/cp .*events\.raw\.avsc .*3\.id\d+\.avsc/)
    shop.keep('events.raw', 3)
    const { stdout } = await shop.schema('diff', 'events.raw')
    expect(stdout).toContain('additive')
    expect(stdout).toContain('+ shelf')
    expect(stdout).toContain('the registry lacks version 3 of the files')
    const { versions } = await shop.ask('register', `${shop.prefix}events.raw-value`)
    expect(versions).toMatchObject([
      { kept: 1, version: 1, id: before.versions[0].id, state: 'unchanged' },
      { kept: 2, version: 2, id: before.versions[1].id, state: 'unchanged' },
      { kept: 3, version: 3, state: 'registered' },
    ])
    const list = await shop.ask('list')
    expect(list.topics.find((one: Row) => one.topic === 'events.raw')).toMatchObject({
      level: 'BACKWARD_TRANSITIVE',
      versions: versions.map(({ version, id, kept }: Row) => ({ version, id, kept })),
      unregistered: [],
    })
  },
)

shopTest(
  'a break is refused before anything is registered, with field, rule and who may use it',
  async (shop) => {
    await shop.registry.register(
      `${shop.prefix}events.raw-value`,
      readFileSync(path.join(shop.dir, RAW), 'utf8'),
    )
    shop.edit(RAW, withoutLogin)
    shop.keep('events.raw', 3)
    const { code, stdout } = await shop.schema('register')
    expect(code).toBe(5)
    expect(stdout).toContain('login')
    expect(stdout).toMatch(/rule "symbol" at schemas\/events\.raw\.avsc:\d+:\d+/)
    expect(stdout).toMatch(/may break models: bronze\.events \(sql\/bronze\/events\.sql/)
    expect(stdout).toMatch(/may break marts: dbt\./)
    expect(stdout).toContain('Nothing was registered.')
    const subjects = await shop.registry.subjects()
    expect(subjects.filter((one) => one.startsWith(shop.prefix))).toEqual([
      `${shop.prefix}events.raw-value`,
    ])
  },
)

shopTest(
  'a version that somebody else registered is found, and what it breaks is named',
  async (shop) => {
    const subject = `${shop.prefix}events.raw-value`
    await shop.ask('register', 'events.raw', 'events.dlq')
    const text = readFileSync(path.join(shop.dir, RAW), 'utf8')
    await shop.registry.register(
      subject,
      withField('{ "name": "shelf", "type": "int", "default": 0 }')(text),
    )
    const found = (await shop.ask('diff', 'events.raw')).topics[0]
    expect(found).toMatchObject({ from: 3, unknown: [3], unregistered: [] })
    expect(found.changes).toMatchObject([{ path: 'shelf', change: 'removed' }])
    shop.edit(RAW, withField(SHELF))
    shop.keep('events.raw', 3)
    const check = await shop.schema('check')
    expect(check.code).toBe(5)
    expect(check.stdout).toContain('18 schemas, BACKWARD_TRANSITIVE: nothing breaks.')
    expect(check.stdout).toContain('its version 3 is not in schemas/history/events.raw/')
    const { code, stdout } = await shop.schema('register')
    expect(code).toBe(5)
    expect(stdout).toMatch(/break {2}Field shelf/)
    expect(stdout).toContain(`was ${subject} version 3 in the registry`)
    expect((await shop.registry.versions(subject)).length).toBe(3)
  },
)

shopTest(
  'a level that lets more through is said to differ, and the files still refuse',
  async (shop) => {
    const subject = `${shop.prefix}events.raw-value`
    await shop.ask('register', 'events.raw')
    // Not NONE: Apicurio would go on applying the global level BACKWARD.
    await shop.registry.setCompatibility(subject, 'FORWARD')
    shop.edit(RAW, withoutLogin)
    const { registry, ok } = await shop.ask('check')
    expect(ok).toBe(false)
    expect(registry.find((one: Row) => one.subject === subject)).toMatchObject({
      level: 'FORWARD',
      accepts: true,
      differs: expect.stringContaining("its level is FORWARD, the check's is BACKWARD_TRANSITIVE"),
    })
  },
)

shopTest(
  'an older version that is missing is left out where the registry takes it no more',
  async (shop) => {
    // The field was required once; the registry only has the version in which it is optional.
    for (const file of ['events.dlq.avsc', 'history/events.dlq/2.id19.avsc'])
      shop.edit(`schemas/${file}`, (text) =>
        text.replace(
          '"fields": [',
          '"fields": [\n    { "name": "note", "type": "string", "default": "" },',
        ),
      )
    shop.edit('schemas/history/events.dlq/1.id2.avsc', (text) =>
      text.replace('"fields": [', '"fields": [\n    { "name": "note", "type": "string" },'),
    )
    const subject = `${shop.prefix}events.dlq-value`
    await shop.registry.setCompatibility(subject, 'BACKWARD_TRANSITIVE')
    const [base] = [
      JSON.parse(readFileSync(path.join(shop.dir, 'schemas/events.dlq.avsc'), 'utf8')),
    ]
    const without = base.fields.filter((one: { name: string }) => one.name !== 'note')
    await shop.registry.register(subject, JSON.stringify({ ...base, fields: without }))
    await shop.registry.register(subject, JSON.stringify(base))
    const { ok, versions } = await shop.ask('register', 'events.dlq')
    expect(ok).toBe(true)
    expect(versions).toMatchObject([
      { kept: 1, version: null, id: null, state: 'left out' },
      { kept: 2, version: 2, state: 'unchanged' },
    ])
  },
)

shopTest('a registry that is down is exit code 4, without the password', async (shop) => {
  const url = await unusedAddress()
  const { code, stdout, stderr } = await runCcs(
    ['schema', 'register', '--target', 'down', '--project', shop.dir],
    { env: { DOWN: url } },
  )
  expect(code).toBe(4)
  expect(stderr).toContain(`The schema registry ${url}: nothing listens there.`)
  expect(stdout + stderr).not.toContain('geheim')
})
