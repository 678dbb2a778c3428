/** Opens what anonymises a person's events, by what Bronze and the log have of them. */
import { randomUUID } from 'node:crypto'
import {
  type Anonymise,
  type AnonymiseParts,
  createAnonymiser,
  type LoggedEvent,
  listReplacedTexts,
  type PersonRows,
} from '../../domain/erase/anonymise-event.ts'
import type { PersonValues } from '../../domain/erase/find-person.ts'
import { type BronzePlace, readPersonRows } from './person-rows.ts'

/** Where the events are, and what is known of the person. */
export interface AnonymiseSources extends Pick<AnonymiseParts, 'codec' | 'ids'> {
  readonly bronze: BronzePlace
  /** The project's macros. */
  readonly macrosSql: string
  /** Reads events of the log; only asked where rows have pseudonyms. */
  readonly readEvents: (offsets: PersonRows['rows']) => Promise<readonly LoggedEvent[]>
}

/** See createAnonymiser. */
export async function anonymisePerson(
  person: PersonValues,
  { bronze, macrosSql, readEvents, codec, ids }: AnonymiseSources,
): Promise<Anonymise> {
  const texts = listReplacedTexts(codec.record)
  const found = await readPersonRows(bronze, person, { macrosSql, texts })
  const hasClasses = codec.record.fields.some(({ pii }) => pii !== undefined)
  const logged = hasClasses ? await readEvents(found.rows) : []
  return createAnonymiser({ ...found, ids, logged, codec, newId: () => randomUUID() })
}
