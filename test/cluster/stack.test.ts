/** `ccs stack` from the command line: its own servers, in its own project, on free ports. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { homedir, hostname, tmpdir } from 'node:os'
import path from 'node:path'
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from 'vitest'
import type { StackLogs } from '../../cli/commands/stack/logs.ts'
import type { StackUp } from '../../cli/domain/devstack/run-stack.ts'
import { FLINK_PARTS } from '../../cli/domain/devstack/servers.ts'
import type { StackStatus } from '../../cli/domain/devstack/stack.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { startNode } from '../fixtures/child.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { type OwnStack, startOwnStack } from '../fixtures/own-stack.ts'

const MINUTES = 60_000
const SINK = ['connect', 's3'] as const
const base = mkdtempSync(path.join(tmpdir(), 'ccs-stack-cli-'))

beforeEach((context) => {
  const shared = inject('cluster')
  if ('skip' in shared) context.skip(shared.skip)
})

afterAll(() => rmSync(base, { recursive: true, force: true, maxRetries: 5 }))

/** A project that has nothing but its settings. */
function project(name: string): string {
  const dir = path.join(base, name)
  mkdirSync(dir)
  cpSync(path.join(ROOT, 'ccs.yml'), path.join(dir, 'ccs.yml'))
  return dir
}

async function stack<T>(dir: string, args: readonly string[], env = {}): Promise<T> {
  const ran = await runCcs(['stack', ...args, '--json', '--project', dir], {
    env,
    timeoutMs: 5 * MINUTES,
  })
  return JSON.parse(ran.stdout) as T // the document that docs/json-output.md describes
}

async function statesOf(dir: string): Promise<readonly string[]> {
  const { parts } = await stack<StackStatus>(dir, ['status'])
  return parts.map(({ state }) => state)
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

function notesIn(dir: string): readonly string[] {
  const stackDir = path.join(dir, '.ccs/stack')
  if (!existsSync(stackDir)) return []
  return readdirSync(stackDir).filter((name) => /^(kafka|registry)\.json$/.test(name))
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(true))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)))
  })
}

interface Failed {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string }
}

describe('a stack of its own', () => {
  let own: OwnStack
  let dir = ''

  beforeAll(async () => {
    if ('skip' in inject('cluster')) return
    own = await startOwnStack()
    dir = own.projectDir
    cpSync(path.join(ROOT, 'ccs.yml'), path.join(dir, 'ccs.yml'))
  }, 6 * MINUTES)

  afterAll(async () => own?.stop(), 2 * MINUTES)

  const registryGets = async (what: string) => (await fetch(`${own.registry}/${what}`)).json()

  test('is ready, its registry rejects breaks, and starting it again changes nothing', async () => {
    expect(await registryGets('config')).toEqual({ compatibilityLevel: 'BACKWARD' })
    const up = await stack<StackUp>(dir, ['up'])
    expect(up.started).toEqual([])
    expect(up.parts.map(({ part, state, pid }) => [part, state, pid])).toEqual([
      ['kafka', 'running', own.pid('kafka')],
      ['registry', 'running', own.pid('registry')],
      ...[...SINK, 'zookeeper', ...FLINK_PARTS].map((part) => [part, 'down', null]),
    ])
    expect(up.settings).toMatchObject({
      KAFKA_BROKERS: own.brokers,
      SCHEMA_REGISTRY_URL: own.registry,
    })
  })

  test(
    'a killed server is reported, and started again with its data',
    async () => {
      const registered = await fetch(`${own.registry}/subjects/kept-value/versions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ schema: '"string"' }),
      })
      expect(registered.status).toBe(200)
      const meta = path.join(dir, '.ccs/stack/kafka/data/meta.properties')
      const before = readFileSync(meta, 'utf8')
      for (const part of ['registry', 'kafka'] as const) await own.kill9(part)
      expect((await statesOf(dir)).slice(0, 2)).toEqual(['died', 'died'])
      const { started } = await stack<StackUp>(dir, ['up'])
      expect(started).toEqual(['kafka', 'registry'])
      expect((await statesOf(dir)).slice(0, 2)).toEqual(['running', 'running'])
      expect(await registryGets('subjects')).toEqual(['kept-value'])
      expect(readFileSync(meta, 'utf8')).toBe(before)
    },
    4 * MINUTES,
  )

  test('a server that runs but does not answer is reported', async () => {
    own.pause('kafka')
    expect((await statesOf(dir)).slice(0, 3)).toEqual(['not answering', 'running', 'down'])
    own.resume('kafka')
    await own.start()
    expect((await statesOf(dir))[0]).toBe('running')
  })

  test(
    'down ends its processes and frees its ports, and never signals a process of others',
    async () => {
      const foreign = spawn('sleep', ['600'], { stdio: 'ignore' })
      onTestFinished(() => void foreign.kill('SIGKILL'))
      const note = { pid: foreign.pid, host: hostname(), started: 'then', since: 'then' }
      writeFileSync(path.join(dir, '.ccs/stack/s3.json'), JSON.stringify(note))
      const pids = [own.pid('kafka'), own.pid('registry')]
      const down = await stack<{ stopped: readonly string[] }>(dir, ['down'])
      expect(down.stopped).toEqual(['kafka', 'registry'])
      expect(foreign.exitCode ?? foreign.signalCode).toBeNull()
      expect(pids.filter(isRunning)).toEqual([])
      for (const address of [own.brokers, own.registry])
        expect(await isTaken(Number(/127\.0\.0\.1:(\d+)/.exec(address)?.[1]))).toBe(false)
      const { logs } = await stack<StackLogs>(dir, ['logs', 'kafka', '--lines', '3'])
      expect(logs.map(({ lines }) => lines.length)).toEqual([3])
    },
    2 * MINUTES,
  )
})

test('a modified jar in the cache is named, and nothing is started', async () => {
  const dir = project('damaged')
  const cache = path.join(base, 'cache')
  const jar = damagedCopy(cache)
  const { error } = await stack<Failed>(dir, ['up', '--port-base', '0'], { CCS_CACHE_DIR: cache })
  expect(error).toMatchObject({ code: 'CCS_STACK_DAMAGED' })
  expect(error.message).toContain(`${jar} has another checksum`)
  expect(notesIn(dir)).toEqual([])
})

/** A cache with Kafka's files, one with a changed byte; returns that one's name. */
function damagedCopy(cache: string): string {
  const pom = readFileSync(path.join(ROOT, 'stack/kafka/pom.xml'))
  const key = createHash('sha256').update(pom).digest('hex').slice(0, 16)
  const real = process.env.CCS_CACHE_DIR ?? path.join(homedir(), '.cache/ccs')
  const [from, to] = [real, cache].map((root) => path.join(root, 'stack', key, 'kafka'))
  mkdirSync(to ?? '', { recursive: true })
  for (const name of readdirSync(from ?? ''))
    cpSync(path.join(from ?? '', name), path.join(to ?? '', name))
  const jar = readdirSync(to ?? '').find((name) => name.startsWith('kafka-clients')) ?? ''
  const bytes = readFileSync(path.join(to ?? '', jar))
  bytes.writeUInt8(bytes.readUInt8(1000) ^ 1, 1000)
  writeFileSync(path.join(to ?? '', jar), bytes)
  return jar
}

test('a port that is in use is named, and nothing is started', async () => {
  const dir = project('taken')
  const server = createServer()
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
  onTestFinished(() => void server.close())
  const { error } = await stack<Failed>(dir, ['up', '--port-base', String(port)])
  expect(error.code).toBe('CCS_STACK_FAILED')
  expect(error.message).toContain(`port ${port}, which kafka needs`)
  expect(notesIn(dir)).toEqual([])
  const { parts } = await stack<StackStatus>(dir, ['status'])
  expect(parts[0]?.address).toBe('127.0.0.1:9092')
})

test(
  'a server that fails to start is named with its last output; others stop',
  async () => {
    const dir = project('failing')
    const data = path.join(dir, '.ccs/stack/kafka/data')
    mkdirSync(data, { recursive: true })
    writeFileSync(path.join(data, 'meta.properties'), 'version=1\nnode.id=77\ncluster.id=x\n')
    const { error } = await stack<Failed>(dir, ['up', '--port-base', '0'])
    expect(error.code).toBe('CCS_STACK_FAILED')
    expect(error.message).toMatch(/^kafka ended before it was ready[\s\S]*77/)
    expect(error.hint).toContain(path.join(dir, '.ccs/stack/kafka.log'))
    expect(notesIn(dir)).toEqual([])
  },
  2 * MINUTES,
)

test(
  'Ctrl-C while starting stops what was started',
  async () => {
    const dir = project('stopped')
    const up = startNode('bin/run.js', ['stack', 'up', '--port-base', '0', '--project', dir])
    onTestFinished(async () => {
      up.kill('SIGKILL')
      await stack(dir, ['down'])
    })
    const note = path.join(dir, '.ccs/stack/registry.json')
    while (!existsSync(note)) await new Promise((resolve) => setTimeout(resolve, 10))
    const { pid } = JSON.parse(readFileSync(note, 'utf8'))
    up.kill('SIGINT')
    expect(await up.ended).toBe(1)
    expect(up.output()).toContain('CCS_STACK_STOPPED')
    expect(isRunning(pid)).toBe(false)
    expect(notesIn(dir)).toEqual([])
  },
  2 * MINUTES,
)

clusterTest(
  'the sink has Connect with the Iceberg sink and a converter for our records, and a bucket',
  async ({ connect, s3 }) => {
    const plugins = await fetch(`${connect}/connector-plugins?connectorsOnly=false`)
    const classes = JSON.stringify(await plugins.json())
    expect(classes).toContain('org.apache.iceberg.connect.IcebergSinkConnector')
    expect(classes).toContain('io.apicurio.registry.utils.converter.AvroConverter')
    if (s3 !== null) expect((await fetch(`${s3}/lake`, { method: 'HEAD' })).status).toBe(200)
  },
  { sink: true },
)
