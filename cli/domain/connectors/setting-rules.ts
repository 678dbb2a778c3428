/**
 * Settings of known connectors, from their documentation: of every sink of Kafka Connect
 * 4.3, of Apache Iceberg's sink 1.12 and of Confluent's S3 sink 10 to 12. What a connector
 * passes on to others (catalog, converter, client) can't be listed; the OPEN lists have
 * the prefixes of such keys.
 */
export interface SettingRule {
  readonly type: 'string' | 'int' | 'long' | 'boolean' | 'list' | 'class' | 'password'
  readonly required?: true
  readonly allowed?: readonly string[]
  /** Least value of a number. */
  readonly min?: number
}

/** Key → rule. */
export type SettingRules = Readonly<Record<string, SettingRule>>

/** Class of Apache Iceberg's sink. */
export const ICEBERG_SINK = 'org.apache.iceberg.connect.IcebergSinkConnector'
/** Class of Confluent's S3 sink. */
export const S3_SINK = 'io.confluent.connect.s3.S3SinkConnector'

const string = { type: 'string' } as const
const list = { type: 'list' } as const
const boolean = { type: 'boolean' } as const
const password = { type: 'password' } as const
const className = { type: 'class' } as const
const int = (min?: number): SettingRule => ({ type: 'int', ...(min === undefined ? {} : { min }) })
const long = (min?: number): SettingRule => ({
  type: 'long',
  ...(min === undefined ? {} : { min }),
})
const oneOf = (...allowed: readonly string[]): SettingRule => ({ type: 'string', allowed })

/** Kafka documentation, "Sink Connector Configs". */
const SINK_KEYS: SettingRules = {
  'connector.class': { type: 'class', required: true },
  'connector.plugin.version': string,
  'tasks.max': int(1),
  'tasks.max.enforce': boolean,
  topics: list,
  'topics.regex': string,
  'key.converter': className,
  'key.converter.plugin.version': string,
  'value.converter': className,
  'value.converter.plugin.version': string,
  'header.converter': className,
  'header.converter.plugin.version': string,
  transforms: list,
  predicates: list,
  'config.action.reload': oneOf('none', 'restart'),
  'errors.retry.timeout': long(-1),
  'errors.retry.delay.max.ms': long(0),
  'errors.tolerance': oneOf('none', 'all'),
  'errors.log.enable': boolean,
  'errors.log.include.messages': boolean,
  'errors.deadletterqueue.topic.name': string,
  'errors.deadletterqueue.topic.replication.factor': int(1),
  'errors.deadletterqueue.context.headers.enable': boolean,
}

/** iceberg.apache.org/docs/latest/kafka-connect, and what the connector declares. */
const ICEBERG_KEYS: SettingRules = {
  'iceberg.tables': list,
  'iceberg.tables.dynamic-enabled': boolean,
  'iceberg.tables.route-field': string,
  'iceberg.tables.default-commit-branch': string,
  'iceberg.tables.default-id-columns': string,
  'iceberg.tables.default-partition-by': string,
  'iceberg.tables.auto-create-enabled': boolean,
  'iceberg.tables.evolve-schema-enabled': boolean,
  'iceberg.tables.schema-force-optional': boolean,
  'iceberg.tables.schema-case-insensitive': boolean,
  'iceberg.catalog': string,
  'iceberg.catalog.type': { type: 'string' },
  'iceberg.control.topic': string,
  'iceberg.control.group-id-prefix': string,
  'iceberg.connect.group-id': string,
  'iceberg.control.commit.interval-ms': int(1),
  'iceberg.control.commit.timeout-ms': int(1),
  'iceberg.control.commit.threads': int(1),
  'iceberg.control.commit.max-consecutive-failures': int(1),
  'iceberg.coordinator.transactional.prefix': string,
  'iceberg.coordinator-executor-keep-alive-timeout-ms': long(0),
  'iceberg.hadoop-conf-dir': string,
}

/**
 * Common keys of Iceberg's catalogs and file systems; a key that is almost one of them is a typo.
 */
export const CATALOG_KEYS: readonly string[] = [
  'type',
  'catalog-impl',
  'uri',
  'warehouse',
  'io-impl',
  'token',
  'credential',
  'scope',
  'jdbc.user',
  'jdbc.password',
  'jdbc.schema-version',
  'jdbc.initialize',
  's3.endpoint',
  's3.path-style-access',
  's3.access-key-id',
  's3.secret-access-key',
  's3.session-token',
  's3.sse.type',
  's3.sse.key',
  'client.region',
  'client.credentials-provider',
  'client.assume-role.arn',
  'client.assume-role.region',
  'glue.id',
].map((key) => `iceberg.catalog.${key}`)

/** docs.confluent.io/kafka-connectors/s3-sink, and the connector's ConfigDefs. */
const S3_KEYS: SettingRules = {
  'format.class': { type: 'class', required: true },
  'flush.size': { type: 'int', min: 1, required: true },
  'rotate.interval.ms': long(-1),
  'rotate.schedule.interval.ms': long(-1),
  'schema.cache.size': int(1),
  'enhanced.avro.schema.support': boolean,
  'connect.meta.data': boolean,
  'retry.backoff.ms': long(0),
  'shutdown.timeout.ms': long(0),
  'filename.offset.zero.pad.width': int(0),
  'avro.codec': oneOf('null', 'deflate', 'snappy', 'bzip2'),
  'parquet.codec': oneOf('none', 'snappy', 'gzip', 'lzo', 'brotli', 'lz4', 'zstd', 'lz4_raw'),
  'allow.optional.map.keys': boolean,
  'schema.compatibility': oneOf('NONE', 'BACKWARD', 'FORWARD', 'FULL'),
  's3.bucket.name': { type: 'string', required: true },
  's3.region': string,
  's3.part.size': int(5 * 1024 * 1024),
  's3.object.tagging': boolean,
  's3.object.tagging.key.value.pairs': list,
  's3.object.behavior.on.tagging.error': oneOf('ignore', 'fail'),
  's3.credentials.provider.class': className,
  'aws.access.key.id': string,
  'aws.secret.access.key': password,
  's3.ssea.name': oneOf('AES256', 'aws:kms', 'aws:kms:dsse', 'aws:fsx'),
  's3.sse.customer.key': password,
  's3.sse.kms.key.id': string,
  's3.acl.canned': oneOf(
    ...['private', 'public-read', 'public-read-write', 'authenticated-read', 'aws-exec-read'],
    ...['bucket-owner-read', 'bucket-owner-full-control', 'log-delivery-write'],
  ),
  's3.wan.mode': boolean,
  's3.compression.type': oneOf('none', 'gzip'),
  's3.compression.level': int(-1),
  'json.decimal.format': oneOf('BASE64', 'NUMERIC'),
  's3.part.retries': int(0),
  's3.retry.backoff.ms': long(0),
  'format.bytearray.extension': string,
  'format.bytearray.separator': string,
  's3.proxy.url': string,
  's3.proxy.user': string,
  's3.proxy.password': password,
  's3.http.send.expect.continue': boolean,
  's3.path.style.access.enabled': boolean,
  's3.send.digest': boolean,
  's3.elastic.buffer.enable': boolean,
  's3.elastic.buffer.init.capacity': int(4096),
  's3.schema.partition.affix.type': oneOf('NONE', 'PREFIX', 'SUFFIX'),
  'enable.conditional.writes': boolean,
  'max.files.scan.limit': int(1),
  'behavior.on.null.values': oneOf('ignore', 'fail', 'write'),
  'report.null.values.to.dlq': boolean,
  'tombstone.encoded.partition': string,
  'max.write.duration.ms': long(1),
  'rotate.file.on.partition.change': boolean,
  'partitioner.max.open.files': int(-1),
  'store.kafka.keys': boolean,
  'store.kafka.headers': boolean,
  'keys.format.class': className,
  'headers.format.class': className,
  'storage.class': { type: 'class', required: true },
  'store.url': string,
  'topics.dir': string,
  'directory.delim': string,
  'file.delim': string,
  'partitioner.class': className,
  'partition.field.name': list,
  'partition.duration.ms': long(-1),
  'path.format': string,
  locale: string,
  timezone: string,
  'timestamp.extractor': string,
  'timestamp.field': string,
}

const OPEN_SINK = [
  'key.converter.',
  'value.converter.',
  'header.converter.',
  'transforms.',
  'predicates.',
  'consumer.override.',
  'producer.override.',
  'admin.override.',
]

const OPEN_ICEBERG = [
  'iceberg.catalog.',
  'iceberg.hadoop.',
  'iceberg.kafka.',
  'iceberg.table.',
  'iceberg.tables.auto-create-props.',
  'iceberg.tables.write-props.',
]

/** What is known about the settings of a connector. */
export interface ConnectorSettings {
  readonly rules: SettingRules
  /** Prefixes of keys that are passed on to others. */
  readonly openPrefixes: readonly string[]
  /** False for unknown connectors, whose other keys can't be checked. */
  readonly isKnown: boolean
}

/** Returns the known settings of a connector class. */
export function findSettings(connectorClass: string): ConnectorSettings {
  if (connectorClass === ICEBERG_SINK)
    return {
      rules: { ...SINK_KEYS, ...ICEBERG_KEYS },
      openPrefixes: [...OPEN_SINK, ...OPEN_ICEBERG],
      isKnown: true,
    }
  if (connectorClass === S3_SINK)
    return {
      rules: { ...SINK_KEYS, ...S3_KEYS },
      openPrefixes: [...OPEN_SINK, 's3.credentials.provider.'],
      isKnown: true,
    }
  return { rules: SINK_KEYS, openPrefixes: OPEN_SINK, isKnown: false }
}
