/** What a command needs of a target, and the error where ccs.yml does not give it. */
import { CcsError } from '../kernel/errors.ts'
import { getEngineProfile } from './engines.ts'
import type { HttpServer, KafkaSettings, Target } from './target.ts'

type Targets = Readonly<Record<string, Target>>

/** The Kafka of a target; CCS_USAGE_INVALID where it has none. */
export function requireKafka(target: Target, all: Targets): KafkaSettings {
  if (target.kafka) return target.kafka
  const [other] = Object.values(all).filter((one) => one.kafka)
  throw new CcsError('CCS_USAGE_INVALID', `Target "${target.name}" has no Kafka.`, {
    hint: other ? `Name one that has: --target ${other.name}` : 'Give a target of ccs.yml one.',
  })
}

/** The schema registry of a target; CCS_CONFIG_INVALID where it has none. */
export function requireRegistry(target: Target, all: Targets): NonNullable<Target['registry']> {
  if (target.registry) return target.registry
  const others = Object.values(all).filter((one) => one.registry !== undefined)
  throw new CcsError('CCS_CONFIG_INVALID', `Target "${target.name}" has no schema registry.`, {
    hint:
      others.length > 0
        ? `These have one: ${others.map((one) => `--target ${one.name}`).join(', ')}`
        : 'Give a target of ccs.yml one: registry: { url: "http://127.0.0.1:8081" }',
  })
}

/** The Kafka Connect of a target; CCS_USAGE_INVALID where it has none. */
export function requireConnect({ name, connect }: Target): HttpServer {
  if (connect) return connect
  throw new CcsError('CCS_USAGE_INVALID', `Target "${name}" has no Kafka Connect.`, {
    hint: `Name one in ccs.yml: targets.${name}.connect.url, or choose another: --target kafka`,
  })
}

/** CCS_USAGE_INVALID for a target whose engine fills topics that the live page can't read. */
export function refusePage({ name, engine }: Target): void {
  const { answersLive, fillsGold, displayName } = getEngineProfile(engine)
  if (answersLive || !fillsGold) return
  throw new CcsError(
    'CCS_USAGE_INVALID',
    `The live page does not show target ${name}: the rows of ${displayName} are in its topics.`,
    { hint: `Its models can be queried: ccs query --target ${name} "SELECT * FROM …"` },
  )
}

/**
 * CCS_CONFIG_INVALID for a target that has its prefix in common with another on the same Kafka: for
 * engines that register schemas of their own for the topics that they fill.
 */
export function requireOwnPrefix(target: Target, all: Targets): void {
  const brokers = target.kafka?.brokers ?? []
  const other = Object.values(all).find(
    ({ name, prefix, kafka }) =>
      name !== target.name &&
      prefix === target.prefix &&
      kafka?.brokers.some((one) => brokers.includes(one)),
  )
  if (other === undefined) return
  const what =
    `Targets ${target.name} and ${other.name} would fill the same topics: ` +
    `both have the prefix "${target.prefix}" on one Kafka.`
  throw new CcsError('CCS_CONFIG_INVALID', what, {
    hint: `Give it one of its own in ccs.yml: targets.${target.name}.prefix: ${target.name}.`,
  })
}
