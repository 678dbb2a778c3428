/**
 * Names of a job and of the topics that it fills. Each version of the job has topics, a consumer
 * group and transactions of its own, so that a new one can be built beside the old one.
 */
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import { VALID_TOPIC } from '../../../domain/log/topics.ts'

/** Names in the cluster, with the target's prefix. */
export interface JobNames {
  /** `shop.gold.sessions`, and `shop.gold.sessions.v2` of the second version. */
  topic(model: string, version: number): string
  /** All jobs of the target begin with it. */
  readonly jobStart: string
  /** `shop.ccs-v2-1f0c9a7e`: the last part differs for jobs that compute other rows. */
  job(version: number, hash: string): string
  /** The consumer group that the job commits its offsets to. */
  group(version: number): string
}

/** The names of a target. */
export function createJobNames(prefix: string): JobNames {
  const jobStart = `${prefix}ccs-v`
  return {
    topic: (model, version) => `${prefix}${model}${version === 1 ? '' : `.v${version}`}`,
    jobStart,
    job: (version, hash) => `${jobStart}${version}-${hash.slice(0, 8)}`,
    group: (version) => `${prefix}ccs-flink-v${version}`,
  }
}

/** What ${VARIABLES} of a job's statements stand for. */
export interface Naming {
  readonly prefix: string
  readonly version: number
  /** host:port, separated by commas. */
  readonly brokers: string
  /** Further options of tables: how Flink connects to Kafka and the registry. */
  readonly brokerOptions: readonly (readonly [string, string])[]
  readonly registryUrl: string
  readonly registryOptions: readonly (readonly [string, string])[]
  /** Those of these texts that nobody may read in a record. */
  readonly secrets: readonly string[]
}

/** A compiled plan without the secrets that the options of its tables have. */
export function hideSecrets(plan: string, { secrets }: Pick<Naming, 'secrets'>): string {
  return secrets.reduce((text, one) => text.replaceAll(JSON.stringify(one), '"(secret)"'), plan)
}

/** Fills a statement. */
export function fillStatement(sql: string, naming: Naming): string {
  const { prefix, version, brokers, brokerOptions, registryUrl, registryOptions } = naming
  const names = createJobNames(prefix)
  const print = (options: Naming['brokerOptions'], start: string) =>
    options.map(([key, value]) => `,\n  '${start}${key}' = ${quoteText(value)}`).join('')
  return sql
    .replace(/'\$\{TOPIC_PREFIX\}ccs-([^']*)'/g, (_, name: string) =>
      quoteText(`${prefix}ccs-${name}-v${version}`),
    )
    .replace(/'\$\{TOPIC_PREFIX\}([^']*)'/g, (_, name: string) =>
      quoteText(name === VALID_TOPIC ? `${prefix}${name}` : names.topic(name, version)),
    )
    .replace(
      "'${KAFKA_BOOTSTRAP_SERVERS}'",
      () => `${quoteText(brokers)}${print(brokerOptions, 'properties.')}`,
    )
    .replace(
      /'(key|value)(\.avro-confluent\.)url' = '\$\{SCHEMA_REGISTRY_URL\}'/g,
      (_, part: string, format: string) =>
        `'${part}${format}url' = ${quoteText(registryUrl)}${print(registryOptions, part + format)}`,
    )
}
