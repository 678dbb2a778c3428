/**
 * Decides whether two texts are the same schema. Registries return a schema in another form than it
 * was registered in: Confluent's shortens names by their namespace and leaves out what is implied.
 */
import { sortKeys } from '../kernel/json.ts'
import { normalizeSchema } from './java-text.ts'

/**
 * A text that is the same for schemas that differ only in layout, order of keys, documentation, or
 * in forms that Avro treats alike: full and short names, a type in an object of its own, the
 * default sort order. Attributes that Avro does not know make a difference. undefined for a text
 * that is not JSON.
 */
export function schemaIdentity(text: string): string | undefined {
  try {
    return JSON.stringify(sortKeys(normalizeSchema(text, 'meaning')))
  } catch {
    return undefined
  }
}
