/**
 * docker-compose.yml, parsed by compose-go, the library that Docker Compose itself uses. Whether the
 * images exist and start is not checked here.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../..')
const READER = path.join(ROOT, 'test/fixtures/compose')

interface Service {
  readonly image: string
  readonly profiles: readonly string[]
  readonly restart?: string
  readonly healthcheck?: object
  readonly ports?: readonly { readonly host_ip?: string; readonly published: string }[]
  readonly volumes?: readonly { readonly type: string; readonly source: string }[]
}

const dir = mkdtempSync(path.join(tmpdir(), 'ccs-compose-'))
const program = path.join(dir, 'compose')
let missing: string | undefined

beforeAll(() => {
  try {
    execFileSync('go', ['build', '-o', program, '.'], { cwd: READER, stdio: 'pipe' })
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer } // of a child process
    missing =
      code === 'ENOENT'
        ? 'there is no Go, which compose-go needs'
        : `compose-go can't be built here: ${stderr?.toString().split('\n')[0]}`
  }
}, 600_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** As compose-go parses it, without any variable from the environment. */
function load(file: string): Record<string, Service> {
  const text = execFileSync(program, [file], { cwd: dir, env: {}, stdio: 'pipe' }).toString()
  return JSON.parse(text).services
}

test('every service has a pinned image, loopback ports, a health check, named volumes', (context) => {
  if (missing !== undefined) return context.skip(missing)
  const services = load(path.join(ROOT, 'docker-compose.yml'))
  const faults = Object.entries(services).flatMap(([name, service]) => {
    const ports = service.ports ?? []
    // A service that runs once needs no health check.
    const needsHealth = service.restart !== undefined && name !== 'flink-taskmanager'
    return [
      /:[^:]*\d/.test(service.image) ? '' : `${name}: ${service.image} is not pinned`,
      ports.every((port) => port.host_ip === '127.0.0.1') ? '' : `${name} listens beyond loopback`,
      needsHealth && !service.healthcheck ? `${name} has no health check` : '',
    ].filter((fault) => fault !== '')
  })
  expect(faults).toEqual([])
  const published = Object.values(services).flatMap(({ ports = [] }) =>
    ports.map((p) => p.published),
  )
  expect(new Set(published).size).toBe(published.length)
  const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes)
  const bound = mounted.filter(({ type }) => type === 'bind').map(({ source }) => source)
  expect([...new Set(bound)].sort()).toEqual(
    ['data', 'stack/flink/functions/ccs-functions.jar'].map((one) => path.join(ROOT, one)),
  )
})

test('each profile starts the services that it needs', (context) => {
  if (missing !== undefined) return context.skip(missing)
  const services = load(path.join(ROOT, 'docker-compose.yml'))
  const of = (profile: string) =>
    Object.keys(services)
      .filter((name) => services[name]?.profiles.includes(profile))
      .sort()
  expect(of('kafka')).toEqual([
    'connect',
    'kafka',
    'kafka-ui',
    's3',
    's3-bucket',
    'schema-registry',
  ])
  expect(of('ksqldb')).toEqual(['kafka', 'ksqldb', 'schema-registry'])
  expect(of('flink').filter((name) => name.startsWith('flink-'))).toEqual([
    'flink-jars',
    'flink-jobmanager',
    'flink-sql-gateway',
    'flink-taskmanager',
  ])
  expect(of('bi')).toEqual(['superset'])
  expect(of('metrics')).toEqual(['prometheus'])
})

test('a misspelled key and a missing service are rejected', (context) => {
  if (missing !== undefined) return context.skip(missing)
  const text = readFileSync(path.join(ROOT, 'docker-compose.yml'), 'utf8')
  const file = path.join(dir, 'docker-compose.yml')
  for (const [from, to] of [
    ['    restart: unless-stopped', '    restrat: unless-stopped'],
    ['      kafka: { condition', '      kafak: { condition'],
  ] as const) {
    writeFileSync(file, text.replace(from, to))
    expect(() => load(file)).toThrow(/restrat|kafak/)
  }
})

test('.env.example names every setting with its default', () => {
  const compose = readFileSync(path.join(ROOT, 'docker-compose.yml'), 'utf8')
  const used = new Map(
    [...compose.matchAll(/(?<!\$)\$\{(\w+):-([^}]*)\}/g)].map((match) => [match[1], match[2]]),
  )
  const example = new Map(
    [...readFileSync(path.join(ROOT, '.env.example'), 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(
      (match) => [match[1], match[2]],
    ),
  )
  // Except for those that ccs gets from elsewhere, and an id that nobody changes.
  const own = ['CCS_DATA_DIR', 'KAFKA_CLUSTER_ID']
  const different = [...used].filter(
    ([name = '', value]) => !own.includes(name) && example.get(name) !== value,
  )
  expect(different).toEqual([])
  // Without .env, a variable without a default would be empty.
  expect(compose.match(/(?<!\$)\$\{\w+\}/g)).toBeNull()
})
