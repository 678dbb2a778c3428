/**
 * The servers of `ccs stack`: what there is, where each listens, and what a start is made of. Names, ports and
 * addresses only; the settings of each are in stack-settings.ts.
 */
import { asObject } from '../kernel/json.ts'

export const PARTS = ['kafka', 'registry', 'connect', 's3'] as const

export type PartName = (typeof PARTS)[number]

/** What can be asked for by one word. */
export const STACKS = {
  core: ['kafka', 'registry'],
  sink: PARTS,
} as const satisfies Readonly<Record<string, readonly PartName[]>>

export type StackName = keyof typeof STACKS

export interface StackPorts {
  readonly kafka: number
  readonly controller: number
  readonly registry: number
  readonly connect: number
  readonly s3: number
}

/** Those that ccs.yml's target `kafka` names by default. */
export const DEFAULT_PORTS: StackPorts = {
  kafka: 9092,
  controller: 9093,
  registry: 8081,
  connect: 8083,
  s3: 9000,
}

const PORT_NAMES = ['kafka', 'controller', 'registry', 'connect', 's3'] as const

export const PORT_COUNT = PORT_NAMES.length

/** Port numbers in the order of StackPorts' keys. */
export function portsOf(numbers: readonly number[]): StackPorts {
  const [kafka = 0, controller = 0, registry = 0, connect = 0, s3 = 0] = numbers
  return { kafka, controller, registry, connect, s3 }
}

/** N, N+1 … in the order of StackPorts' keys. */
export function portsFrom(base: number): StackPorts {
  return portsOf(PORT_NAMES.map((_, index) => base + index))
}

/** The ports that a part listens on. */
export function portsNeeded(part: PartName, ports: StackPorts): readonly number[] {
  return part === 'kafka' ? [ports.kafka, ports.controller] : [ports[part]]
}

/** Where a part is asked; the registry by its Confluent API. */
export function addressOf(part: PartName, ports: StackPorts): string {
  const host = `127.0.0.1:${ports[part]}`
  if (part === 'kafka') return host
  return part === 'registry' ? `http://${host}/apis/ccompat/v7` : `http://${host}`
}

/** Where a stack keeps its things, and which of its parts are there. */
export interface StackHome {
  /** Absolute path of `.ccs/stack`. */
  readonly dir: string
  readonly parts: readonly PartName[]
}

/**
 * The variables by which ccs.yml's target `kafka` and the connectors find this stack. The keys of S3 are the
 * demo's own: it takes any.
 */
export function settingsFor(
  ports: StackPorts,
  { dir, parts }: StackHome,
): Readonly<Record<string, string>> {
  // Files, not the S3 server: what that one holds is gone when it ends, and the catalog would not know.
  const lake = {
    ICEBERG_CATALOG_URI: `jdbc:sqlite:${dir}/iceberg.db`,
    ICEBERG_WAREHOUSE: `file://${dir}/warehouse`,
    ICEBERG_IO: 'org.apache.iceberg.hadoop.HadoopFileIO',
  }
  const s3 = {
    CONNECT_S3_ENDPOINT: addressOf('s3', ports),
    S3_BUCKET: 'lake',
    S3_ACCESS_KEY: 'ccs-demo',
    S3_SECRET_KEY: 'ccs-demo-only',
  }
  return {
    KAFKA_BROKERS: addressOf('kafka', ports),
    SCHEMA_REGISTRY_URL: addressOf('registry', ports),
    KAFKA_CONNECT_URL: addressOf('connect', ports),
    ...(parts.includes('connect') ? lake : {}),
    ...(parts.includes('s3') ? s3 : {}),
  }
}

export function samePorts(one: StackPorts, other: StackPorts): boolean {
  return PORT_NAMES.every((name) => one[name] === other[name])
}

/** Ports as they were written down; undefined for anything else. */
export function readPorts(text: string): StackPorts | undefined {
  try {
    const ports = asObject(JSON.parse(text))
    const numbers = PORT_NAMES.map((name) => ports[name])
    if (!numbers.every((one) => typeof one === 'number')) return undefined
    return portsOf(numbers)
  } catch {
    return undefined
  }
}

/** Folders of stack/ whose files a part runs on; S3 runs in a virtual environment of its own. */
export const BUNDLES = {
  kafka: ['kafka'],
  registry: ['registry'],
  connect: ['connect', 'iceberg', 'converter'],
  s3: [],
} as const satisfies Readonly<Record<PartName, readonly string[]>>

export type BundleName = (typeof BUNDLES)[PartName][number]

/** A bundle's own version, from its POM. */
export function pomVersion(pom: string): string {
  return /<version>([^<]+)<\/version>/.exec(pom)?.[1] ?? '?'
}

/** SHA-256 by path, of the lines `<sha256>  <bundle>/<path>` (as sha256sum writes them) of one bundle. */
export function bundleSums(text: string, bundle: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, sum, file] = /^([0-9a-f]{64}) {2}(\S.*)$/.exec(line) ?? []
    if (sum !== undefined && file?.startsWith(`${bundle}/`))
      sums.set(file.slice(bundle.length + 1), sum)
  }
  return sums
}

/**
 * What is wrong with the files that are there, one sentence a file: a sum that differs, a file that is missing
 * or that nobody named.
 */
export function sumFaults(
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
