/**
 * Finds a person's events where rows have pseudonyms. With each key a person has another one, and
 * the visitors of a customer are known by theirs alone: what they were called is in the log.
 */
import type { EventFields, LoggedEvent } from './anonymise-event.ts'
import { ID_FIELD, type Person } from './erased-ids.ts'

/** A person by the values that stand for the id in rows. */
export interface PersonValues {
  readonly kind: Person['kind']
  readonly ids: readonly string[]
  /** Of a customer: values of visitors that are known to be this customer's, unless others' too. */
  readonly visitors: readonly string[]
}

/** What Bronze has of a person. */
export interface PersonEvents {
  /** `topic-partition` → offsets. */
  readonly offsets: ReadonlyMap<string, ReadonlySet<number>>
  /** Visitors who were this customer and nobody else; they are erased too. */
  readonly visitors: readonly string[]
  /** What stands for the ids of the person and these visitors in rows, where that differs. */
  readonly pseudonyms: readonly string[]
  /** By which values they were found. */
  readonly values: PersonValues
}

/** Whose an event is, by what it says itself; null: of no customer. */
export function readEventIds({ customer_id: customer, anonymous_id: visitor }: EventFields): {
  readonly customer: string | null
  readonly visitor: string
} {
  return { customer: customer === null ? null : String(customer), visitor: String(visitor) }
}

/** Events by `topic-partition` and offset. */
export type EventPlaces = PersonEvents['offsets']

/** Where a person is looked for. */
export interface PersonSearch {
  /** All values that stand for a field's value in rows: itself, or its pseudonyms. */
  readonly listValues: (field: string, value: string) => readonly string[]
  /** The person's events in Bronze, and the values of visitors that were nobody else. */
  find(person: PersonValues): Promise<{
    readonly offsets: EventPlaces
    readonly visitors: readonly string[]
  }>
  /** These events, as the log has them. */
  readEvents(offsets: EventPlaces): Promise<readonly LoggedEvent[]>
}

/** Without pseudonyms, one look at Bronze; the log is read only where visitors have them. */
export async function findPerson(person: Person, search: PersonSearch): Promise<PersonEvents> {
  const { kind, id } = person
  const ids = search.listValues(ID_FIELD[kind], id)
  const first = await search.find({ kind, ids, visitors: [] })
  const valuesOf = (visitor: string) => search.listValues(ID_FIELD.visitor, visitor)
  const isPlain = valuesOf(id)[0] === id
  const events = isPlain || kind === 'visitor' ? [] : await search.readEvents(first.offsets)
  const inLog = new Set(events.map(({ event }) => readEventIds(event).visitor))
  const own = new Set(first.visitors)
  const named = [...inLog].filter((one) => valuesOf(one).some((value) => own.has(value)))
  const values = { kind, ids, visitors: named.flatMap(valuesOf) }
  const found = named.length === 0 ? first : await search.find(values)
  const known = new Set(values.visitors)
  // Of a record that was made again from Bronze, the log has the pseudonym too.
  const nameless = found.visitors.filter((one) => !known.has(one))
  const pseudonyms = [...ids, ...values.visitors].filter((one) => one !== id)
  return { offsets: found.offsets, visitors: [...named, ...nameless], pseudonyms, values }
}
