/** The adapter of a registry that is a server: against the real one, and on a bad way to it. */
import { Compatibility, SchemaRegistryClient } from '@confluentinc/schemaregistry'
import { expect, test } from 'vitest'
import { openConfluentRegistry } from '../../cli/adapters/registry/confluent.ts'
import type { CcsError } from '../../cli/domain/kernel/errors.ts'
import { type Cluster, clusterTest } from '../fixtures/cluster.ts'
import { type ProxyFaults, startRegistryProxy, unusedAddress } from '../fixtures/registry-proxy.ts'
import { REGISTRY_RULES } from '../fixtures/registry-rules.ts'
import { registryTest } from '../fixtures/registry-test.ts'
import { field, record } from '../fixtures/schema-pairs/pair.ts'

const A = field('a', 'int')
const text = (fields: readonly unknown[], more: object = {}) => JSON.stringify(record(fields, more))

for (const { name, check } of REGISTRY_RULES)
  registryTest(name, async (registry, prefix) => {
    await check(async (topic, versions) => {
      const subject = `${prefix}${topic}-value`
      for (const one of versions) await registry.register(subject, one)
      return { registry, subject }
    })
  })

registryTest(
  'registering a schema again returns the existing version, in any layout',
  async (registry, prefix) => {
    const subject = `${prefix}a-value`
    const first = await registry.register(subject, text([A]))
    const layouts = [
      text([A]),
      JSON.stringify(record([A]), null, 2),
      JSON.stringify({ fields: [{ type: 'int', name: 'a' }], name: 'R', type: 'record' }),
      text([field('a', { type: 'int' }, { doc: 'Other words.' })], { doc: 'More words.' }),
    ]
    for (const one of layouts) expect(await registry.register(subject, one)).toEqual(first)
    expect(await registry.versions(subject)).toEqual([first])
  },
)

registryTest('the same schema has one id under all its subjects', async (registry, prefix) => {
  const ids = new Set<number>()
  for (const name of ['a', 'b'])
    ids.add((await registry.register(`${prefix}${name}-value`, text([A]))).id)
  expect(ids.size).toBe(1)
})

registryTest(
  'a level can be set before the first version; without one, the global counts',
  async (registry, prefix) => {
    const subject = `${prefix}a-value`
    const global = (await registry.about()).compatibility
    expect(await registry.compatibility(subject)).toBe(global)
    await registry.setCompatibility(subject, 'BACKWARD_TRANSITIVE')
    expect(await registry.compatibility(subject)).toBe('BACKWARD_TRANSITIVE')
    await registry.register(subject, text([A]))
    expect(await registry.compatibility(subject)).toBe('BACKWARD_TRANSITIVE')
    expect((await registry.about()).compatibility).toBe(global)
  },
)

registryTest(
  'a breaking schema is rejected, and nothing is registered',
  async (registry, prefix) => {
    const subject = `${prefix}a-value`
    await registry.setCompatibility(subject, 'BACKWARD_TRANSITIVE')
    expect(await registry.accepts(subject, text([A]))).toBe(true)
    await registry.register(subject, text([A]))
    const broken = text([A, field('must', 'string')])
    expect(await registry.accepts(subject, broken)).toBe(false)
    await expect(registry.register(subject, broken)).rejects.toMatchObject({
      code: 'CCS_SCHEMA_BREAKS',
      exit: 5,
      message: expect.stringContaining(`rejects ${subject}: `),
    })
    expect((await registry.versions(subject)).length).toBe(1)
    expect(
      await registry.accepts(subject, text([A, field('may', 'string', { default: '' })])),
    ).toBe(true)
  },
)

registryTest(
  'a transitive level checks all versions, others the latest, as registering does',
  async (registry, prefix) => {
    const subject = `${prefix}a-value`
    await registry.setCompatibility(subject, 'BACKWARD_TRANSITIVE')
    await registry.register(subject, text([field('x', 'int')]))
    await registry.register(subject, text([]))
    const third = text([field('x', 'string', { default: '' })])
    expect(await registry.accepts(subject, third)).toBe(false)
    await expect(registry.register(subject, third)).rejects.toMatchObject({
      code: 'CCS_SCHEMA_BREAKS',
    })
    await registry.setCompatibility(subject, 'BACKWARD')
    expect(await registry.accepts(subject, third)).toBe(true)
    expect((await registry.register(subject, third)).version).toBe(3)
  },
)

registryTest('an invalid schema is distinguished from a breaking one', async (registry, prefix) => {
  const subject = `${prefix}a-value`
  for (const wrong of ['{"type":"record"', text([field('a', 'nothing')])])
    await expect(registry.register(subject, wrong)).rejects.toMatchObject({
      code: 'CCS_SCHEMA_INVALID',
    })
})

registryTest(
  'a removed subject is gone with its versions; removing it again is no error',
  async (registry, prefix) => {
    const subject = `${prefix}a-value`
    const { id } = await registry.register(
      subject,
      text([A], { name: `Gone${prefix.slice(1, 9)}` }),
    )
    await registry.remove(subject)
    await registry.remove(subject)
    expect(await registry.versions(subject)).toEqual([])
    expect(await registry.subjects()).not.toContain(subject)
    expect(await registry.byId(id)).toBeUndefined()
  },
)

registryTest('changes by others are seen at once', async (registry, prefix, { registry: url }) => {
  const subject = `${prefix}a-value`
  const other = await openConfluentRegistry({ url })
  await registry.register(subject, text([A]))
  await other.remove(subject)
  expect(await registry.versions(subject)).toEqual([])
  expect((await registry.register(subject, text([A]))).version).toBe(1)
  expect((await other.versions(subject)).length).toBe(1)
})

/** The package is the reference: ADR 15 says why ccs doesn't use it itself. */
registryTest(
  "Confluent's own client and ours see and change the same registry",
  async (registry, prefix, { registry: url }) => {
    const subject = `${prefix}a-value`
    const client = new SchemaRegistryClient({ baseURLs: [url] })
    const first = await registry.register(subject, text([A]))
    expect(await client.getAllVersions(subject)).toEqual([1])
    expect(await client.getAllSubjects()).toContain(subject)
    expect((await client.getBySubjectAndId(subject, first.id)).schema).toBe(first.schema)
    expect(await client.getSchemaMetadata(subject, 1, false)).toMatchObject({ ...first })
    await client.updateCompatibility(subject, Compatibility.BACKWARD_TRANSITIVE)
    expect(await registry.compatibility(subject)).toBe('BACKWARD_TRANSITIVE')
    const second = text([A, field('may', 'string', { default: '' })])
    const broken = text([A, field('must', 'string')])
    for (const schema of [second, broken])
      expect(await client.testSubjectCompatibility(subject, { schema })).toBe(
        await registry.accepts(subject, schema),
      )
    const id = await client.register(subject, { schema: second })
    expect((await registry.versions(subject)).map((one) => one.id)).toEqual([first.id, id])
    expect((await registry.byId(id))?.schema).toBe(second)
    await expect(client.register(subject, { schema: broken })).rejects.toMatchObject({
      status: 409,
    })
    await registry.remove(subject)
    client.clearCaches()
    await expect(client.getAllVersions(subject)).rejects.toMatchObject({ status: 404 })
  },
)

registryTest(
  'it reports product, version and clock',
  async (registry, _prefix, { registry: url }) => {
    const about = await registry.about()
    expect(about.url).toBe(url)
    expect(about.product).toMatch(/Apicurio|Confluent/)
    expect(about.version).toMatch(/^\d+\.\d+/)
    expect(Math.abs(Date.parse(about.date ?? '') - Date.now())).toBeLessThan(3_600_000)
  },
)

async function troubled(
  cluster: Cluster,
  trouble: ProxyFaults,
  run: (url: string, requests: readonly string[]) => Promise<void>,
): Promise<void> {
  const proxy = await startRegistryProxy(cluster.registry, trouble)
  try {
    await run(proxy.url, proxy.requests)
  } finally {
    await proxy.close()
  }
}

async function errorOf(promise: Promise<unknown>): Promise<CcsError> {
  // What fails here fails with a CcsError, or the expectations on it do.
  return promise.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as CcsError,
  )
}

clusterTest('closed connections and a busy server are retried', async (cluster) => {
  for (const trouble of [{ cut: 2 }, { busy: 2 }])
    await troubled(cluster, trouble, async (url, requests) => {
      const registry = await openConfluentRegistry({ url })
      expect(await registry.byId(2_000_000_000)).toBeUndefined()
      expect(requests.length).toBe(3)
    })
})

clusterTest(
  'a server that stays busy is unreachable, after a limited number of attempts',
  async (cluster) => {
    await troubled(cluster, { busy: 1_000 }, async (url, requests) => {
      const registry = await openConfluentRegistry({ url })
      const error = await errorOf(registry.subjects())
      expect(error).toMatchObject({ code: 'CCS_REGISTRY_UNREACHABLE', exit: 4 })
      expect(error.message).toContain('503')
      expect(requests.length).toBeLessThan(10)
    })
  },
)

clusterTest(
  'a slow registry is waited for; beyond the limit it is unreachable',
  async (cluster) => {
    await troubled(cluster, { delayMs: 400 }, async (url) => {
      const patient = await openConfluentRegistry({ url })
      expect(Array.isArray(await patient.subjects())).toBe(true)
      const hasty = await openConfluentRegistry({ url }, { timeoutMs: 100 })
      const error = await errorOf(hasty.subjects())
      expect(error).toMatchObject({ code: 'CCS_REGISTRY_UNREACHABLE', exit: 4 })
      expect(error.message).toContain('no answer within 0.1 s')
    })
  },
)

clusterTest(
  'credentials grant access; wrong ones are reported without being shown',
  async (cluster) => {
    const login = { username: 'carla', password: 'p:a ß%41/wort' }
    await troubled(cluster, { login }, async (url) => {
      expect(Array.isArray(await (await openConfluentRegistry({ url, ...login })).subjects())).toBe(
        true,
      )
      const inUrl = url.replace('//', `//${login.username}:${encodeURIComponent(login.password)}@`)
      expect(Array.isArray(await (await openConfluentRegistry({ url: inUrl })).subjects())).toBe(
        true,
      )
      const wrong = inUrl.replace('carla', 'carlo')
      const refused = await errorOf((await openConfluentRegistry({ url: wrong })).subjects())
      expect(refused).toMatchObject({ code: 'CCS_REGISTRY_DENIED', exit: 4 })
      expect(refused.message).toContain(`${url} refuses the target's credentials`)
      const none = await errorOf((await openConfluentRegistry({ url })).subjects())
      expect(none.message).toContain('asks for credentials (HTTP 401)')
      for (const error of [refused, none]) {
        const all = `${error.message} ${error.hint} ${error.stack} ${JSON.stringify(error.cause ?? '')}`
        for (const secret of ['carlo', 'wort', Buffer.from('carlo').toString('base64').slice(0, 5)])
          expect(all).not.toContain(secret)
      }
    })
  },
)

test('a registry that is down is named by its address, without its password', async () => {
  const url = (await unusedAddress()).replace('//', '//carla:geheim@')
  const error = await errorOf((await openConfluentRegistry({ url })).versions('a-value'))
  expect(error).toMatchObject({ code: 'CCS_REGISTRY_UNREACHABLE', exit: 4 })
  expect(error.message).toContain(`${url.replace('carla:geheim@', '')}: nothing listens there`)
  expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toContain('geheim')
})

clusterTest(
  'another server, or a wrong path, is recognised as no schema registry',
  async (cluster) => {
    const wrong = cluster.registry.replace(/\/apis.*$/, '')
    const error = await errorOf((await openConfluentRegistry({ url: wrong })).versions('a-value'))
    expect(error).toMatchObject({ code: 'CCS_REGISTRY_REFUSED', exit: 4 })
    expect(error.hint).toContain('/apis/ccompat/v7')
  },
)
