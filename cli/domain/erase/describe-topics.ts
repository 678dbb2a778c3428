/** What `ccs erase` prints on a target with Kafka. */
import { formatCount } from '../kernel/units.ts'
import type { EraseTopicsResult, PersonTopic } from './erase-topics.ts'
import type { UnclearRecords } from './search-topic.ts'

/** Lines of text. */
export function describeTopicsResult(result: EraseTopicsResult): readonly string[] {
  const { topics, unclear, visitors, remains } = result
  if (topics.length === 0) return unclear.flatMap(describeUnclear)
  return [
    `Visitors who were this person and nobody else: ${formatCount(visitors)}.`,
    ...topics.map(describeTopic),
    'What still has this person:',
    ...remains.map((one) => `  ${one}`),
    ...topics.flatMap(describeCommand),
    ...unclear.flatMap(describeUnclear),
  ]
}

const RANGES_MAX = 10

function describeUnclear({ topic, records, withId, ranges }: UnclearRecords): readonly string[] {
  const shown = ranges.slice(0, RANGES_MAX).map(({ partition, from, to }) => {
    return `${partition}:${from === to ? from : `${from}-${to}`}`
  })
  const more = ranges.length - shown.length
  const rest = more > 0 ? `, and ${formatCount(more)} more places in --json` : ''
  return [
    `${topic}: of ${formatCount(records)} records it can’t be told whose they are; ` +
      `${formatCount(withId)} of them have the id somewhere. They stay; look at them yourself:`,
    `  partition:offset ${shown.join(', ')}${rest}`,
  ]
}

function describeTopic({ topic, records, tombstones }: PersonTopic): string {
  const rows = tombstones > 0 ? `; ${formatCount(tombstones)} rows get a tombstone` : ''
  return `${topic}: ${formatCount(records)} records name this person${rows}.`
}

function describeCommand({ topic, deleteRecords }: PersonTopic): readonly string[] {
  if (deleteRecords.length === 0) return []
  const partitions = deleteRecords
  return [
    `To delete all records of ${topic} up to the last of these at once, also those of others:`,
    `  echo '${JSON.stringify({ version: 1, partitions })}' > offsets.json`,
    '  kafka-delete-records.sh --bootstrap-server BROKER --offset-json-file offsets.json',
  ]
}
