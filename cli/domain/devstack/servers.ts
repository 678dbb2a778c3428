/** The servers of `ccs stack`: their names, ports, addresses and files; settings.ts starts them. */
import { asObject } from '../kernel/json.ts'

/** Every server that a stack can have, in the order in which they are listed. */
export const PARTS = [
  'kafka',
  'registry',
  'connect',
  's3',
  'zookeeper',
  'flink-jobmanager',
  'flink-taskmanager',
  'flink-gateway',
] as const

/** The name of one server. */
export type PartName = (typeof PARTS)[number]

/** Sets of servers that a user can name by one word. */
export const STACKS = {
  core: ['kafka', 'registry'],
  sink: ['kafka', 'registry', 'connect', 's3'],
  flink: ['kafka', 'registry', 'flink-jobmanager', 'flink-taskmanager', 'flink-gateway'],
} as const satisfies Readonly<Record<string, readonly PartName[]>>

/** Flink's servers; without JobManager and TaskManager the gateway runs jobs by itself. */
export const FLINK_PARTS = ['flink-jobmanager', 'flink-taskmanager', 'flink-gateway'] as const

/** Flink with high availability: a ZooKeeper keeps which jobs there are. */
export const FLINK_WITH_HA: readonly PartName[] = ['zookeeper', ...STACKS.flink]

/** Flink without a cluster, for tests: the gateway runs each session's jobs in its own process. */
export const FLINK_GATEWAY_ONLY: readonly PartName[] = ['kafka', 'registry', 'flink-gateway']

/** A set of servers. */
export type StackName = keyof typeof STACKS

/**
 * Port numbers on 127.0.0.1; `controller` is Kafka's own, `rpc` the Flink JobManager's, `quorum`
 * and `election` are ZooKeeper's.
 */
export interface StackPorts {
  readonly kafka: number
  readonly controller: number
  readonly registry: number
  readonly connect: number
  readonly s3: number
  readonly jobmanager: number
  readonly gateway: number
  readonly rpc: number
  readonly zookeeper: number
  readonly quorum: number
  readonly election: number
}

/** The defaults of ccs.yml's target `kafka`. */
export const DEFAULT_PORTS: StackPorts = {
  kafka: 9092,
  controller: 9093,
  registry: 8081,
  connect: 8083,
  s3: 9000,
  jobmanager: 8084,
  gateway: 8085,
  rpc: 6123,
  zookeeper: 2181,
  quorum: 2888,
  election: 3888,
}

const PORT_NAMES = [
  ...(['kafka', 'controller', 'registry', 'connect', 's3'] as const),
  ...(['jobmanager', 'gateway', 'rpc'] as const),
  ...(['zookeeper', 'quorum', 'election'] as const),
]

/** How many ports a stack needs. */
export const PORT_COUNT = PORT_NAMES.length

/** Takes port numbers in the order of StackPorts' keys. */
export function makePorts(numbers: readonly number[]): StackPorts {
  const [kafka = 0, controller = 0, registry = 0, connect = 0, s3 = 0, ...flink] = numbers
  const [jobmanager = 0, gateway = 0, rpc = 0, ...keepers] = flink
  const [zookeeper = 0, quorum = 0, election = 0] = keepers
  const core = { kafka, controller, registry, connect, s3 }
  return { ...core, jobmanager, gateway, rpc, zookeeper, quorum, election }
}

/** N, N+1, … in the order of StackPorts' keys. */
export function portsFrom(base: number): StackPorts {
  return makePorts(PORT_NAMES.map((_, index) => base + index))
}

/** The ports that one server listens on. */
export function portsNeeded(part: PartName, ports: StackPorts): readonly number[] {
  switch (part) {
    case 'kafka':
      return [ports.kafka, ports.controller]
    case 'zookeeper':
      return [ports.zookeeper, ports.quorum, ports.election]
    case 'flink-jobmanager':
      return [ports.jobmanager, ports.rpc]
    case 'flink-taskmanager':
      return [] // any free ones
    case 'flink-gateway':
      return [ports.gateway]
    default:
      return [ports[part]]
  }
}

/** Where clients reach a server; the registry by its Confluent-compatible API. */
export function addressFor(part: PartName, ports: StackPorts): string {
  // A TaskManager has no address of its own: it is asked through its JobManager.
  const [port] = portsNeeded(part === 'flink-taskmanager' ? 'flink-jobmanager' : part, ports)
  const host = `127.0.0.1:${port}`
  if (part === 'kafka' || part === 'zookeeper') return host
  return part === 'registry' ? `http://${host}/apis/ccompat/v7` : `http://${host}`
}

/** Where a stack stores its files, and which servers it has. */
export interface StackHome {
  /** Absolute path of `.ccs/stack`. */
  readonly dir: string
  readonly parts: readonly PartName[]
}

/**
 * The variables by which ccs.yml's target `kafka` and the connectors find this stack. The S3 keys
 * are for the demo only: its server accepts any.
 */
export function stackVariables(
  ports: StackPorts,
  { dir, parts }: StackHome,
): Readonly<Record<string, string>> {
  // Files, not the S3 server: its objects are lost when it ends, and the catalog would not know.
  const lake = {
    ICEBERG_CATALOG_URI: `jdbc:sqlite:${dir}/iceberg.db`,
    ICEBERG_WAREHOUSE: `file://${dir}/warehouse`,
    ICEBERG_IO: 'org.apache.iceberg.hadoop.HadoopFileIO',
  }
  const s3 = {
    CONNECT_S3_ENDPOINT: addressFor('s3', ports),
    S3_BUCKET: 'lake',
    S3_ACCESS_KEY: 'ccs-demo',
    S3_SECRET_KEY: 'ccs-demo-only',
  }
  return {
    KAFKA_BROKERS: addressFor('kafka', ports),
    SCHEMA_REGISTRY_URL: addressFor('registry', ports),
    KAFKA_CONNECT_URL: addressFor('connect', ports),
    ...(parts.includes('connect') ? lake : {}),
    ...(parts.includes('s3') ? s3 : {}),
    ...(parts.includes('flink-jobmanager')
      ? { FLINK_JOBMANAGER_URL: addressFor('flink-jobmanager', ports) }
      : {}),
    ...(parts.includes('flink-gateway')
      ? { FLINK_GATEWAY_URL: addressFor('flink-gateway', ports) }
      : {}),
  }
}

/** Whether both name the same port for each server. */
export function hasSamePorts(one: StackPorts, other: StackPorts): boolean {
  return PORT_NAMES.every((name) => one[name] === other[name])
}

/** Reads ports that were saved as JSON; undefined for anything else. */
export function parsePorts(text: string): StackPorts | undefined {
  try {
    // Files of an older ccs lack the ports of newer servers.
    const { jobmanager, gateway, rpc, zookeeper, quorum, election } = DEFAULT_PORTS
    const newer = { jobmanager, gateway, rpc, zookeeper, quorum, election }
    const ports = { ...newer, ...asObject(JSON.parse(text)) }
    const saved: Readonly<Record<string, unknown>> = ports
    const numbers = PORT_NAMES.map((name) => saved[name])
    if (!numbers.every((one) => typeof one === 'number')) return undefined
    return makePorts(numbers)
  } catch {
    return undefined
  }
}

/** Folders of stack/ whose files a server runs on; S3 runs in its own virtual environment. */
export const BUNDLES = {
  kafka: ['kafka'],
  registry: ['registry'],
  connect: ['connect', 'iceberg', 'converter'],
  s3: [],
  zookeeper: ['flink'],
  'flink-jobmanager': ['flink'],
  'flink-taskmanager': ['flink'],
  'flink-gateway': ['flink'],
} as const satisfies Readonly<Record<PartName, readonly string[]>>

/** Flink's own jars in checksums.sha256: those of a Python package, since Maven has none. */
export const FLINK_LIBRARIES = 'flink-libraries'

/** A folder of stack/ with a POM that lists the files. */
export type BundleName = (typeof BUNDLES)[PartName][number]

/** A bundle's own version, from its POM; '?' if it has none. */
export function readPomVersion(pom: string): string {
  return /<version>([^<]+)<\/version>/.exec(pom)?.[1] ?? '?'
}

/** SHA-256 by path of one bundle; `text` has sha256sum's lines `<sha256>  <bundle>/<path>`. */
export function parseBundleSums(text: string, bundle: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, sum, file] = /^([0-9a-f]{64}) {2}(\S.*)$/.exec(line) ?? []
    if (sum !== undefined && file?.startsWith(`${bundle}/`))
      sums.set(file.slice(bundle.length + 1), sum)
  }
  return sums
}

/** One sentence per file that is wrong: another checksum, missing, or not in the list. */
export function compareSums(
  wanted: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): readonly string[] {
  const files = [...new Set([...wanted.keys(), ...found.keys()])].sort()
  return files.flatMap((file) => {
    const [want, is] = [wanted.get(file), found.get(file)]
    if (want === is) return []
    if (is === undefined) return [`${file} is missing`]
    return [want === undefined ? `${file} is not in the list` : `${file} has another checksum`]
  })
}
