/** What has rows of a target's topics besides the topics, as sentences for a receipt. */
import { getEngineProfile } from '../config/engines.ts'
import type { Target } from '../config/target.ts'
import type { NamedText } from '../documents/json-document.ts'
import { isObject } from '../kernel/json.ts'

/** Where copies may be. */
export interface CopyPlaces {
  /** Topics that have the person, with the prefix. */
  readonly found: readonly string[]
  /** Files of connectors/. */
  readonly connectors: readonly NamedText[]
  readonly target: Pick<Target, 'engine' | 'prefix'>
  readonly dataDir: string
}

/** [] if no topic has the person. */
export function describeCopies(places: CopyPlaces): readonly string[] {
  const { found, connectors, target, dataDir } = places
  if (found.length === 0) return []
  const { displayName } = getEngineProfile(target.engine)
  const bare = found.map((name) => name.slice(target.prefix.length))
  const sinks = connectors.flatMap(({ file, text }) => {
    const topics = readTopics(text)
    const copied = bare.filter((name) => topics.includes(name))
    if (copied.length === 0) return []
    return `What the sink of ${file} has copied of ${copied.join(', ')}: delete it there.`
  })
  return [
    ...sinks,
    `Rows and state of the engine (${displayName}), its own topics and ${dataDir} included, ` +
      'until they are made again of topics without these records.',
    'Consumers of these topics, and what they have stored.',
  ]
}

/** The topics of a connector as its file has them, with variables. */
function readTopics(text: string): string {
  try {
    const { config } = JSON.parse(text)
    return isObject(config) ? `${String(config.topics)} ${String(config['topics.regex'])}` : ''
  } catch {
    // `ccs plan` says what is wrong with it.
    return ''
  }
}
