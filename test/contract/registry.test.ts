/** The registry in the project's directory schemas/. */
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFilesRegistry } from '../../cli/adapters/registry/files-registry.ts'
import { REGISTRY_RULES } from '../fixtures/registry-rules.ts'

const SCHEMAS = join(import.meta.dirname, '../../schemas')
let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-schemas-'))
  await cp(SCHEMAS, dir, { recursive: true })
})

afterEach(() => rm(dir, { recursive: true, force: true }))

test.each(REGISTRY_RULES)('$name', async ({ check }) => {
  await check(async (topic, versions) => {
    const history = join(dir, 'history', topic)
    await mkdir(history)
    for (const [index, text] of versions.entries())
      await writeFile(join(history, `${index + 1}.id${index + 80}.avsc`), text)
    await writeFile(join(dir, `${topic}.avsc`), versions.at(-1) ?? '')
    return { registry: await openFilesRegistry(dir), subject: `${topic}-value` }
  })
})

test('versions are found by subject, oldest first, and by id', async () => {
  const v2 = await readFile(join(dir, 'history/events.raw/2.id20.avsc'), 'utf8')
  const v3 = v2.replace('"page_title"', '"page_name"')
  await writeFile(join(dir, 'history/events.raw/3.id90.avsc'), v3)
  await writeFile(join(dir, 'events.raw.avsc'), v3)
  const registry = await openFilesRegistry(dir)
  const versions = await registry.versions('events.raw-value')
  expect(versions.map(({ id, version }) => [id, version])).toEqual([
    [1, 1],
    [20, 2],
    [90, 3],
  ])
  expect((await registry.byId(90))?.schema).toBe(v3)
  expect(await registry.byId(12345)).toBeUndefined()
  expect(await registry.versions('events.unknown-value')).toEqual([])
})

test('changes of layout, order of keys or documentation make no new version', async () => {
  const schema = JSON.parse(await readFile(join(dir, 'events.dlq.avsc'), 'utf8'))
  const { fields, ...rest } = schema
  await writeFile(
    join(dir, 'events.dlq.avsc'),
    JSON.stringify({ fields, ...rest, doc: 'Other words.' }),
  )
  await expect(openFilesRegistry(dir)).resolves.toBeDefined()
})

test('a changed schema that is not kept is an error that names the file to write', async () => {
  const file = join(dir, 'events.raw.avsc')
  await writeFile(
    file,
    (await readFile(file, 'utf8')).replace('"maxItems": 200', '"maxItems": 300'),
  )
  await expect(openFilesRegistry(dir)).rejects.toMatchObject({
    code: 'CCS_SCHEMA_INVALID',
    message: expect.stringMatching(/events\.raw\.avsc differs from its newest kept version/),
    hint: expect.stringMatching(/cp .*events\.raw\.avsc .*history\/events\.raw\/3\.id\d+\.avsc/),
  })
})

test('two changed schemas are to be kept with different ids', async () => {
  for (const topic of ['events.raw', 'events.dlq']) {
    const file = join(dir, `${topic}.avsc`)
    await writeFile(
      file,
      (await readFile(file, 'utf8')).replace('"namespace": "ccs"', '"namespace": "c"'),
    )
  }
  const error = await openFilesRegistry(dir).catch((one: unknown) => one)
  const { hint, others } = error as { hint: string; others: { hint: string }[] }
  const ids = [hint, ...others.map((one) => one.hint)].map(
    (one) => /\.id(\d+)\.avsc$/.exec(one)?.[1],
  )
  expect(ids).toEqual(['21', '22'])
})

test('all faults are reported at once', async () => {
  await writeFile(join(dir, 'events.raw.avsc'), '{"type": "record"')
  await rename(
    join(dir, 'history/events.dlq/1.id2.avsc'),
    join(dir, 'history/events.dlq/1.id1.avsc'),
  )
  await writeFile(join(dir, 'orders.avsc'), '{"type":"record","name":"Order","fields":[]}')
  const error = await openFilesRegistry(dir).catch((one: unknown) => one)
  expect(error).toMatchObject({ message: expect.stringMatching(/same id as/) })
  expect((error as { others: Error[] }).others.map((one) => one.message)).toEqual([
    expect.stringMatching(/events\.raw\.avsc is not JSON/),
    expect.stringMatching(/events\.raw\.avsc differs/),
    expect.stringMatching(/orders\.avsc has no kept version/),
  ])
})
