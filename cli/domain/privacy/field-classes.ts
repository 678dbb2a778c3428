/** Which fields of events are pseudonymised, and whether their classes are possible. */
import type { ChangingClass } from '../avro/field-class.ts'
import { type AvroField, type RecordNode, unwrapOptional } from '../avro/schema.ts'

/** A field whose values are changed when records become rows. */
export interface ClassifiedField {
  readonly name: string
  readonly pii: ChangingClass
}

/** Length of a pseudonym: 24 digits of the hash, and 8 by which a pseudonym is recognised. */
export const PSEUDONYM_LENGTH = 32

/** In the order of the schema. */
export function listClassifiedFields(record: RecordNode): readonly ClassifiedField[] {
  return record.fields.flatMap(({ name, pii }) => (pii === undefined ? [] : [{ name, pii }]))
}

/** '' where nothing is classified: rows are then made as if there were no classes. */
export function describeClasses(record: RecordNode): string {
  return listClassifiedFields(record)
    .map(({ name, pii }) => `${name}: ${pii}`)
    .join(', ')
}

/** What is wrong with a field's class, and what to write instead; undefined: nothing. */
export function findClassFault(
  field: AvroField,
  record: RecordNode,
): { readonly message: string; readonly hint: string } | undefined {
  const { name, pii } = field
  if (pii === undefined) return undefined
  const leave = `Write "pii": "plain", or leave it out.`
  const fault = (why: string, hint = leave) => ({
    message: `${name} can't be ${pii}: ${why}.`,
    hint,
  })
  const needed = NEEDED[name]
  if (needed !== undefined) return fault(needed)
  const { node, isNullable } = unwrapOptional(field.type)
  if (pii === 'drop') {
    if (!isNullable) return fault('it is never null', 'Write "pii": "hash" or "pii": "token".')
    const kind = Object.keys(record.requires).find((one) => isRequired(record, one, name))
    if (kind === undefined) return undefined
    return fault(`a ${kind} requires it`, 'Write "pii": "hash" or "pii": "token".')
  }
  if (node.kind !== 'string' || node.logical !== undefined || field.rules.format !== undefined)
    return fault('it is no free text', isNullable ? `${leave} Or "pii": "drop".` : leave)
  const { minLength = 0, maxLength = PSEUDONYM_LENGTH } = field.rules
  if (maxLength < PSEUDONYM_LENGTH || minLength > PSEUDONYM_LENGTH)
    return fault(
      `a pseudonym has ${PSEUDONYM_LENGTH} characters, which its minLength and maxLength exclude`,
      `Write "maxLength": ${PSEUDONYM_LENGTH} or more.`,
    )
  if (name === 'order_id' && pii === 'hash')
    return fault(
      'with the next key, an order would count again, and a refund would not find its order',
      'Write "pii": "token", which stays the same.',
    )
  return undefined
}

/** Fields that ccs itself reads, and why. */
const NEEDED: Readonly<Record<string, string>> = {
  event_id: 'repetitions are found by it',
  event_type: 'rules and models go by it',
  event_ts: 'it is the time of the event',
  sent_ts: 'the time of the event is corrected by it',
  received_ts: 'the time of the event is corrected by it',
  device: 'bots are recognised by it',
  source: 'bots are recognised by it',
  user_agent: 'bots are recognised by it; Silver does not have it',
  bot_hint: 'bots are recognised by it',
  items: 'money is counted from it',
}

function isRequired(record: RecordNode, kind: string, name: string): boolean {
  return (record.requires[kind] ?? []).some((group) => group.split('|').includes(name))
}
