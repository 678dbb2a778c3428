/**
 * How each server of `ccs stack` is told what to do: its settings as text, and its command line. One machine,
 * loopback only, one copy of everything: for development and tests.
 */
import { addressOf, type StackPorts } from './stack.ts'

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

/**
 * Topics are made by ccs, never by a typing mistake; nothing is deleted by age unless a topic says so, because
 * records that carry the time of old events would be deleted at once.
 */
export function kafkaProperties(ports: StackPorts, dataDir: string): string {
  return properties({
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${ports.kafka},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.kafka}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': dataDir,
    'num.network.threads': '2',
    'num.io.threads': '2',
    'num.partitions': '3',
    'auto.create.topics.enable': 'false',
    'offsets.topic.num.partitions': '4',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    'log.cleaner.dedupe.buffer.size': '16777216',
    'log.segment.bytes': '67108864',
    'log.retention.ms': '-1',
  })
}

/** Formats an empty data directory; `clusterId` is 16 bytes as base64url. */
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
    'apicurio.datasource.url': `jdbc:h2:file:${dataDir}/registry;WRITE_DELAY=0`,
  }
  const defines = Object.entries(settings).map(([key, value]) => `-D${key}=${value}`)
  return java(['-Xms64m', '-Xmx512m', ...QUICK, ...defines, '-jar', runner])
}

/** `plugins` are folders that hold one folder a plugin each. */
export function workerProperties(ports: StackPorts, plugins: readonly string[]): string {
  return properties({
    'bootstrap.servers': addressOf('kafka', ports),
    'group.id': 'connect',
    listeners: addressOf('connect', ports),
    'config.storage.topic': '_connect.configs',
    'config.storage.replication.factor': '1',
    'offset.storage.topic': '_connect.offsets',
    'offset.storage.replication.factor': '1',
    'offset.storage.partitions': '1',
    'status.storage.topic': '_connect.status',
    'status.storage.replication.factor': '1',
    'status.storage.partitions': '1',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'plugin.path': plugins.join(','),
    // By their lists of services alone: looking at every class of every jar takes a minute.
    'plugin.discovery': 'service_load',
    'scheduled.rebalance.max.delay.ms': '0',
    'offset.flush.interval.ms': '5000',
  })
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

/** Of Kafka and Connect, to the file that their output goes to. */
export const LOGGING = `${[
  'rootLogger.level=INFO',
  'rootLogger.appenderRef.console.ref=console',
  'appender.console.type=Console',
  'appender.console.name=console',
  'appender.console.layout.type=PatternLayout',
  'appender.console.layout.pattern=%d %p %m (%c{1})%n',
  // Pages of settings at each start.
  'logger.config.name=org.apache.kafka.common.config',
  'logger.config.level=WARN',
].join('\n')}\n`

/** For programs that start often and work little. */
const QUICK = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

function logging(file: string): readonly string[] {
  return [`-Dlog4j2.configurationFile=${file}`]
}

function java(args: readonly string[]): Launch {
  return { command: 'java', args }
}

/** As a .properties file; backslashes are the only thing in our values that it would read otherwise. */
function properties(values: Readonly<Record<string, string>>): string {
  const lines = Object.entries(values).map(
    ([key, value]) => `${key}=${value.replaceAll('\\', '\\\\')}`,
  )
  return `${lines.join('\n')}\n`
}
