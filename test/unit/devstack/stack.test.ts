/** The names, ports and checksums of the servers that ccs stack starts. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parseMajor } from '../../../cli/adapters/process/java.ts'
import { parseConfig, requireTarget } from '../../../cli/domain/config/config.ts'
import { makeClusterId } from '../../../cli/domain/devstack/server-settings.ts'
import {
  addressFor,
  BUNDLES,
  compareSums,
  DEFAULT_PORTS,
  FLINK_LIBRARIES,
  PARTS,
  parseBundleSums,
  parsePorts,
  portsFrom,
  portsNeeded,
  readPomVersion,
  stackVariables,
} from '../../../cli/domain/devstack/servers.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const read = (...names: readonly string[]) => readFileSync(path.join(ROOT, ...names), 'utf8')

function kafkaTarget(env: Readonly<Record<string, string>>) {
  const { kafka, registry, connect } = requireTarget(parseConfig(read('ccs.yml'), env), 'kafka')
  return [kafka?.brokers.join(), registry?.url, connect?.url]
}

test.each([
  ['the default ports need no settings', DEFAULT_PORTS, {}],
  [
    'other ports are found by the settings that `ccs stack up` writes',
    portsFrom(21000),
    stackVariables(portsFrom(21000), { dir: '/shop/.ccs/stack', parts: ['kafka', 'registry'] }),
  ],
])('the target kafka of ccs.yml finds the servers: %s', (_, ports, env) => {
  const addresses = (['kafka', 'registry', 'connect'] as const).map((part) =>
    addressFor(part, ports),
  )
  expect(kafkaTarget(env)).toEqual(addresses)
})

test('no two servers use the same port', () => {
  const needed = PARTS.flatMap((part) => portsNeeded(part, DEFAULT_PORTS))
  expect(new Set(needed).size).toBe(needed.length)
})

test('ports are read as they were written; anything else is rejected', () => {
  const ports = portsFrom(100)
  expect(parsePorts(JSON.stringify(ports))).toEqual(ports)
  for (const text of ['', '{', 'null', '[]', '{"kafka":1}', '{"kafka":"9092"}'])
    expect(parsePorts(text)).toBeUndefined()
})

test('ports that an older ccs saved are read, with the defaults of newer servers', () => {
  const { kafka, controller, registry, connect, s3 } = portsFrom(100)
  const saved = JSON.stringify({ kafka, controller, registry, connect, s3 })
  expect(parsePorts(saved)).toEqual({ ...DEFAULT_PORTS, kafka, controller, registry, connect, s3 })
})

test('Flink is found by variables, each only while its server runs', () => {
  const stack = { dir: '/shop/.ccs/stack', parts: ['flink-gateway'] as const }
  const found = stackVariables(portsFrom(21000), stack)
  expect(found).toMatchObject({ FLINK_GATEWAY_URL: 'http://127.0.0.1:21006' })
  expect(found).not.toHaveProperty('FLINK_JOBMANAGER_URL')
})

test('the lock file of Flink names the version of its POM', () => {
  const version = readPomVersion(read('stack/flink/pom.xml'))
  for (const file of ['requirements.in', 'requirements.lock'])
    expect(read('stack/flink', file)).toContain(`apache-flink-libraries==${version}`)
})

test('each bundle of stack/ has checksums for the version in its POM', () => {
  const sums = read('stack/checksums.sha256')
  for (const bundle of Object.values(BUNDLES).flat()) {
    const files = [...parseBundleSums(sums, bundle).keys()]
    const version = readPomVersion(read('stack', bundle, 'pom.xml'))
    expect(files.filter((file) => file.includes(`-${version}`))).not.toEqual([])
    expect(files.every((file) => !file.startsWith('/') && !file.includes('..'))).toBe(true)
  }
  const lines = sums.trimEnd().split('\n')
  const bundles = [...new Set([...Object.values(BUNDLES).flat(), FLINK_LIBRARIES])]
  const counted = bundles.map((bundle) => parseBundleSums(sums, bundle).size)
  expect(counted.reduce((sum, count) => sum + count)).toBe(lines.length)
})

test('changed, missing and added files are named', () => {
  const wanted = new Map([
    ['a.jar', '1'],
    ['b.jar', '2'],
    ['c.jar', '3'],
  ])
  expect(compareSums(wanted, new Map(wanted))).toEqual([])
  const found = new Map([
    ['a.jar', '1'],
    ['b.jar', '9'],
    ['d.jar', '4'],
  ])
  expect(compareSums(wanted, found)).toEqual([
    'b.jar has another checksum',
    'c.jar is missing',
    'd.jar is not in the list',
  ])
})

test.each([
  ['17.0.15', 17],
  ['21', 21],
  ['21-ea', 21],
  ['1.8.0_392', 8],
  ['25.0.1', 25],
])('Java %s is Java %i', (version, major) => {
  expect(parseMajor(version)).toBe(major)
})

test('no cluster id looks like a command-line option', () => {
  for (let first = 0; first < 256; first++) {
    const id = makeClusterId(new Uint8Array(16).fill(255).fill(first, 0, 1))
    expect(id).toMatch(/^[A-Za-z0-9][\w-]{21}$/)
  }
})
