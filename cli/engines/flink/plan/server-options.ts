/** Prints how Flink's tables connect to Kafka and to the registry, from a target's settings. */
import type { HttpServer, KafkaSettings, Tls } from '../../../domain/config/target.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import type { Naming } from './names.ts'

const SECRETS: ReadonlySet<string> = new Set([
  'basic-auth.user-info',
  'sasl.jaas.config',
  'ssl.keystore.key',
])

/** The connector has Kafka's classes under a name of its own. */
const SECURITY = 'org.apache.flink.kafka.shaded.org.apache.kafka.common.security'

/**
 * `tls` has the texts of its files. CCS_CONFIG_INVALID for a login that tables of Flink can't be
 * given.
 */
export function describeServers(
  kafka: Pick<KafkaSettings, 'brokers' | 'sasl' | 'tls'>,
  tls: Tls,
  registry: HttpServer,
): Omit<Naming, 'prefix' | 'version'> {
  const { username, password, url } = registry
  const brokerOptions = listBrokerOptions(kafka, tls)
  const registryOptions: Naming['registryOptions'] =
    username === undefined
      ? []
      : [
          ['basic-auth.credentials-source', 'USER_INFO'],
          ['basic-auth.user-info', `${username}:${password ?? ''}`],
        ]
  const all = [...brokerOptions, ...registryOptions]
  return {
    brokers: kafka.brokers.join(','),
    brokerOptions,
    registryUrl: url,
    registryOptions,
    secrets: all.filter(([key]) => SECRETS.has(key)).map(([, value]) => value),
  }
}

function listBrokerOptions(
  { sasl, tls }: Pick<KafkaSettings, 'sasl' | 'tls'>,
  { ca, cert, key }: Tls,
): Naming['brokerOptions'] {
  const protocol = `${sasl ? 'SASL_' : ''}${tls ? 'SSL' : 'PLAINTEXT'}`
  const options: (readonly [string, string])[] = []
  if (sasl || tls) options.push(['security.protocol', protocol])
  if (ca !== undefined)
    options.push(['ssl.truststore.type', 'PEM'], ['ssl.truststore.certificates', ca])
  if (cert !== undefined && key !== undefined)
    options.push(
      ['ssl.keystore.type', 'PEM'],
      ['ssl.keystore.certificate.chain', cert],
      ['ssl.keystore.key', key],
    )
  if (sasl)
    options.push(
      ['sasl.mechanism', sasl.mechanism.toUpperCase()],
      ['sasl.jaas.config', printLogin(sasl)],
    )
  return options
}

function printLogin({
  mechanism,
  username = '',
  password = '',
}: NonNullable<KafkaSettings['sasl']>): string {
  if (mechanism === 'oauthbearer')
    throw new CcsError(
      'CCS_CONFIG_INVALID',
      "ccs can't give a job of Flink a login by oauthbearer.",
      {
        hint: 'Use plain or scram for this target.',
      },
    )
  const module = mechanism === 'plain' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule'
  const quote = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`
  return (
    `${SECURITY}.${module} required ` + `username=${quote(username)} password=${quote(password)};`
  )
}
