/** Decides whether a record of a topic is a person's. */
import { Buffer } from 'node:buffer'
import { ID_FIELD, type Person } from './erased-ids.ts'
import { createIdMatcher } from './match-bytes.ts'
import type { RecordParts } from './record-ids.ts'

/**
 * unclear: it can't be decoded; with id: it has one of the ids as a whole word in bytes that can't
 * be decoded, or as a part of another id.
 */
export type Verdict = 'person' | 'other' | 'unclear' | 'unclear with id'

/** `ids` are those that the record names; undefined: it can't be decoded. */
export type Judge = (record: RecordParts, ids: readonly Person[] | undefined) => Verdict

/** All `persons` are one; `listValues` gives what stands for a field's value in rows. */
export function createJudge(
  persons: readonly Person[],
  listValues: (field: string, value: string) => readonly string[],
): Judge {
  const values = { customer: new Set<string>(), visitor: new Set<string>() }
  for (const { kind, id } of persons)
    for (const value of [id, ...listValues(ID_FIELD[kind], id)]) values[kind].add(value)
  const matchers = {
    customer: [...values.customer].map(createIdMatcher),
    visitor: [...values.visitor].map(createIdMatcher),
  }
  const all = [...matchers.customer, ...matchers.visitor]
  const hasAny = (bytes: Buffer | null) => bytes !== null && all.some((matches) => matches(bytes))
  return ({ key, value }, ids) => {
    const hasId = () => hasAny(key) || hasAny(value)
    if (ids === undefined && value === null) return hasId() ? 'unclear with id' : 'other'
    if (ids === undefined) return hasId() ? 'unclear with id' : 'unclear'
    if (ids.some(({ kind, id }) => values[kind].has(id))) return 'person'
    const isPart = ids.some(({ kind, id }) => {
      const bytes = Buffer.from(id)
      return matchers[kind].some((matches) => matches(bytes))
    })
    return isPart ? 'unclear with id' : 'other'
  }
}
