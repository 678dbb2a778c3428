/**
 * The settings and command line of each server of `ccs stack`: one machine, loopback only, one
 * copy of everything, for development and tests.
 */
import { addressFor, type FLINK_PARTS, type StackPorts } from './servers.ts'

/** A program to start; `command` is found on this machine's path. */
export interface ProgramCall {
  readonly command: 'java' | 'python'
  readonly args: readonly string[]
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** Where the files of Kafka, Connect or ZooKeeper lie; absolute paths. */
export interface KafkaFiles {
  readonly classPath: string
  /** The server's .properties file, or zoo.cfg. */
  readonly settings: string
  readonly logging: string
}

/** Fills each `${name}` of a template in stack/; unknown names stay. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\$\{(\w+)\}/g, (whole, name: string) => {
    // Of our values' characters, only a backslash is special in a .properties file.
    return values[name]?.replaceAll('\\', '\\\\') ?? whole
  })
}

/** The values for the settings of Kafka, Connect and Flink in stack/. */
export function settingsValues(
  ports: StackPorts,
  more: {
    readonly dataDir: string
    readonly tmpDir?: string
    readonly plugins: readonly string[]
  },
): Readonly<Record<string, string>> {
  return {
    kafkaPort: String(ports.kafka),
    controllerPort: String(ports.controller),
    kafka: addressFor('kafka', ports),
    connect: addressFor('connect', ports),
    jobmanagerPort: String(ports.jobmanager),
    gatewayPort: String(ports.gateway),
    rpcPort: String(ports.rpc),
    zookeeperPort: String(ports.zookeeper),
    quorumPort: String(ports.quorum),
    electionPort: String(ports.election),
    dataDir: more.dataDir,
    tmpDir: more.tmpDir ?? '',
    plugins: more.plugins.join(','),
  }
}

/** 16 random bytes as a Kafka cluster id; Kafka would read a leading `-` as an option. */
export function makeClusterId(random: Uint8Array): string {
  const bytes = Buffer.from(random)
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0)
  return bytes.toString('base64url')
}

/** Formats an empty data directory; Kafka refuses to start on one that isn't. */
export function kafkaFormatCall(place: KafkaFiles, clusterId: string): ProgramCall {
  const tool = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', place.settings]
  return java([...QUICK, ...logging(place.logging), '-cp', place.classPath, ...tool])
}

/** One broker that is also the controller. */
export function kafkaCall(place: KafkaFiles): ProgramCall {
  const memory = ['-Xms256m', '-Xmx512m', '-XX:+UseG1GC']
  const main = ['-cp', place.classPath, 'kafka.Kafka', place.settings]
  return java([...memory, ...logging(place.logging), ...main])
}

/** The registry stores its subjects in a database file; each change is on disk at once. */
export function registryCall(ports: StackPorts, runner: string, dataDir: string): ProgramCall {
  const settings = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': String(ports.registry),
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': '0',
    'quarkus.http.access-log.enabled': 'false',
    // Few connections, and patience: on a busy machine the first takes more than five seconds.
    'apicurio.datasource.jdbc.initial-size': '1',
    'apicurio.datasource.jdbc.min-size': '1',
    'apicurio.datasource.jdbc.max-size': '20',
    'quarkus.datasource.h2.jdbc.acquisition-timeout': 'PT2M',
    'apicurio.datasource.url': `jdbc:h2:file:${dataDir}/registry;WRITE_DELAY=0`,
  }
  const defines = Object.entries(settings).map(([key, value]) => `-D${key}=${value}`)
  return java(['-Xms64m', '-Xmx512m', ...QUICK, ...defines, '-jar', runner])
}

/** One Kafka Connect worker. */
export function connectCall(place: KafkaFiles): ProgramCall {
  const memory = ['-Xms128m', '-Xmx768m', '-XX:+UseSerialGC']
  const main = ['org.apache.kafka.connect.cli.ConnectDistributed', place.settings]
  return java([...memory, ...logging(place.logging), '-cp', place.classPath, ...main])
}

/** Holds its objects in memory: they are lost when it ends. */
export function s3Call(ports: StackPorts): ProgramCall {
  return {
    command: 'python',
    args: ['-I', '-m', 'moto.server', '-H', '127.0.0.1', '-p', `${ports.s3}`],
  }
}

/** Where Flink's files lie; absolute paths. */
export interface FlinkFiles {
  readonly classPath: string
  /** Folder of config.yaml. */
  readonly configDir: string
  readonly logging: string
  /** Folder for temporary files, which must exist. */
  readonly tmpDir: string
}

/** One of Flink's servers, with the heap that its work in development needs. */
export function flinkCall(part: FlinkPart, place: FlinkFiles): ProgramCall {
  const { memory, main } = FLINK[part]
  const config = part === 'flink-gateway' ? [] : ['--configDir', place.configDir]
  return {
    ...java([
      ...[...memory, '-XX:+UseSerialGC', `-Djava.io.tmpdir=${place.tmpDir}`],
      ...[...OPENED_PACKAGES, ...logging(place.logging), '-cp', place.classPath, main, ...config],
    ]),
    env: { FLINK_CONF_DIR: place.configDir },
  }
}

/** The ZooKeeper that Flink's own jar contains; `settings` is its zoo.cfg. */
export function zooKeeperCall(place: KafkaFiles): ProgramCall {
  const main = ['org.apache.flink.runtime.zookeeper.FlinkZooKeeperQuorumPeer']
  return java([
    ...['-Xmx96m', ...QUICK, ...logging(place.logging), '-cp', place.classPath, ...main],
    ...['--zkConfigFile', place.settings, '--peerId', '1'],
  ])
}

type FlinkPart = (typeof FLINK_PARTS)[number]

/** The gateway's memory is for the jobs of sessions that it runs by itself. */
const FLINK: Readonly<
  Record<FlinkPart, { readonly memory: readonly string[]; readonly main: string }>
> = {
  'flink-jobmanager': {
    memory: ['-Xmx448m', '-XX:MaxMetaspaceSize=256m'],
    main: 'org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint',
  },
  'flink-taskmanager': {
    memory: ['-Xmx640m', '-XX:MaxDirectMemorySize=192m', '-XX:MaxMetaspaceSize=256m'],
    main: 'org.apache.flink.runtime.taskexecutor.TaskManagerRunner',
  },
  'flink-gateway': {
    memory: ['-Xmx1280m', '-XX:MaxMetaspaceSize=640m'],
    main: 'org.apache.flink.table.gateway.SqlGateway',
  },
}

/** What Flink reaches by reflection on Java 17: `env.java.opts.all` of its own distribution. */
const OPENED_PACKAGES: readonly string[] = [
  ...['api', 'file', 'parser', 'tree', 'util'].map(
    (one) => `--add-exports=jdk.compiler/com.sun.tools.javac.${one}=ALL-UNNAMED`,
  ),
  '--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED',
  '--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED',
  ...['java.lang', 'java.lang.reflect', 'java.net', 'java.io', 'java.nio', 'sun.nio.ch'].map(open),
  ...['java.text', 'java.time', 'java.util', 'java.util.concurrent'].map(open),
  ...['java.util.concurrent.atomic', 'java.util.concurrent.locks'].map(open),
]

function open(name: string): string {
  return `--add-opens=java.base/${name}=ALL-UNNAMED`
}

/** The bucket that is created in S3 at the start. */
export const BUCKET = 'lake'

/** Connect finds a converter only by a list of services in a jar; this one's jar has none. */
export const CONVERTER_SERVICES = {
  file: 'services.jar',
  entries: {
    'META-INF/services/org.apache.kafka.connect.storage.Converter':
      'io.apicurio.registry.utils.converter.AvroConverter\n',
  },
} as const

/** For programs that start often and do little. */
const QUICK = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

function logging(file: string): readonly string[] {
  return [`-Dlog4j2.configurationFile=${file}`]
}

function java(args: readonly string[]): ProgramCall {
  return { command: 'java', args }
}
