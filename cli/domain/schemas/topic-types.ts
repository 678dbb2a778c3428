/** `ccs schema types`: the TypeScript types of topics. */
import type { NamedText } from '../documents/json-document.ts'
import { generateContractTypes } from '../events/generate-types.ts'
import { groupSchemasByTopic } from './history.ts'
import { pickTopics } from './list.ts'
import { parseSchema } from './tree.ts'

/** What `ccs schema types --json` prints. */
export interface SchemaTypes {
  readonly topics: readonly string[]
  /** As it was given; null: printed. */
  readonly file: string | null
  readonly changed: boolean
  readonly types: string
}

/**
 * The named topics, else all that no model makes, in the order of the ids of their first versions.
 */
export function generateTopicTypes(
  schemas: readonly NamedText[],
  models: readonly NamedText[],
  names: readonly string[],
): Pick<SchemaTypes, 'topics' | 'types'> {
  const made = models.map(({ file }) => file.slice('sql/'.length, -'.sql'.length).replace('/', '.'))
  const picked = pickTopics(groupSchemasByTopic(schemas), names)
    .filter((one) => names.length > 0 || !made.includes(one.topic))
    .flatMap(({ topic, current, kept }) =>
      current === undefined
        ? []
        : [{ topic, text: parseSchema(current).text, id: kept[0]?.id ?? Infinity }],
    )
    .sort((a, b) => a.id - b.id)
  const types = generateContractTypes(picked.map((one) => one.text))
  return { topics: picked.map((one) => one.topic), types }
}
