/**
 * How each server of `ccs stack` is told what to do: what is filled into its settings, and its command line.
 * One machine, loopback only, one copy of everything: for development and tests.
 */
import { addressOf, type StackPorts } from './servers.ts'

/** A program to run; `command` is `java` or `python`, to be found on this machine. */
export interface Launch {
  readonly command: 'java' | 'python'
  readonly args: readonly string[]
}

/** Where things lie; absolute paths. */
export interface KafkaPlace {
  readonly classPath: string
  /** Settings file. */
  readonly settings: string
  readonly logging: string
}

/** A file of stack/ with each `${name}` filled in. */
export function filled(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\$\{(\w+)\}/g, (whole, name: string) => {
    // A backslash is the only character of our values that a .properties file would read otherwise.
    return values[name]?.replaceAll('\\', '\\\\') ?? whole
  })
}

/** Values of stack/kafka/server.properties and of stack/connect/server.properties. */
export function settingsValues(
  ports: StackPorts,
  more: { readonly dataDir: string; readonly plugins: readonly string[] },
): Readonly<Record<string, string>> {
  return {
    kafkaPort: String(ports.kafka),
    controllerPort: String(ports.controller),
    kafka: addressOf('kafka', ports),
    connect: addressOf('connect', ports),
    dataDir: more.dataDir,
    plugins: more.plugins.join(','),
  }
}

/** Kafka's form of an id of 16 random bytes: one that begins with `-` would be taken for an option. */
export function clusterIdOf(random: Uint8Array): string {
  const bytes = Buffer.from(random)
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0)
  return bytes.toString('base64url')
}

/** Formats an empty data directory. */
export function kafkaFormat(place: KafkaPlace, clusterId: string): Launch {
  const tool = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', place.settings]
  return java([...QUICK, ...logging(place.logging), '-cp', place.classPath, ...tool])
}

export function kafkaServer(place: KafkaPlace): Launch {
  const memory = ['-Xms256m', '-Xmx512m', '-XX:+UseG1GC']
  const main = ['-cp', place.classPath, 'kafka.Kafka', place.settings]
  return java([...memory, ...logging(place.logging), ...main])
}

/** The registry keeps its subjects in a database file beside its log; each change is on the disk at once. */
export function registryServer(ports: StackPorts, runner: string, dataDir: string): Launch {
  const settings = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': String(ports.registry),
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': '0',
    'quarkus.http.access-log.enabled': 'false',
    // For one engineer, and for a machine so busy that the first connection takes more than five seconds.
    'apicurio.datasource.jdbc.initial-size': '1',
    'apicurio.datasource.jdbc.min-size': '1',
    'apicurio.datasource.jdbc.max-size': '20',
    'quarkus.datasource.h2.jdbc.acquisition-timeout': 'PT2M',
    'apicurio.datasource.url': `jdbc:h2:file:${dataDir}/registry;WRITE_DELAY=0`,
  }
  const defines = Object.entries(settings).map(([key, value]) => `-D${key}=${value}`)
  return java(['-Xms64m', '-Xmx512m', ...QUICK, ...defines, '-jar', runner])
}

export function connectServer(place: KafkaPlace): Launch {
  const memory = ['-Xms128m', '-Xmx768m', '-XX:+UseSerialGC']
  const main = ['org.apache.kafka.connect.cli.ConnectDistributed', place.settings]
  return java([...memory, ...logging(place.logging), '-cp', place.classPath, ...main])
}

/** Keeps its objects in memory: they are gone when it ends. */
export function s3Server(ports: StackPorts): Launch {
  return {
    command: 'python',
    args: ['-I', '-m', 'moto.server', '-H', '127.0.0.1', '-p', `${ports.s3}`],
  }
}

/** The bucket that S3 begins with. */
export const BUCKET = 'lake'

/**
 * What makes Connect find a converter whose jar has no list of services: entries of a jar to put beside it.
 */
export const CONVERTER_SERVICES = {
  file: 'services.jar',
  entries: {
    'META-INF/services/org.apache.kafka.connect.storage.Converter':
      'io.apicurio.registry.utils.converter.AvroConverter\n',
  },
} as const

/** For programs that start often and work little. */
const QUICK = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

function logging(file: string): readonly string[] {
  return [`-Dlog4j2.configurationFile=${file}`]
}

function java(args: readonly string[]): Launch {
  return { command: 'java', args }
}
