/** Rejects as people see them, without the values of fields that have a class. */
import type { EventMask } from '../privacy/mask-event.ts'
import { generalizeMessage } from './message-kind.ts'
import type { DlqRecord } from './show-reject.ts'

type Fields = Readonly<Record<string, unknown>>

/** The bytes are left out, and so is the text that they are. */
export function maskReject(record: DlqRecord, mask: EventMask): DlqRecord {
  const { message, decoded, partial } = record
  return {
    ...record,
    message: maskMessage(message, decoded?.value, mask),
    ...{ bytes: null, text: null, json: null },
    decoded: decoded && { ...decoded, value: mask.mask(decoded.value) },
    partial: partial && { ...partial, value: mask.mask(partial.value) },
  }
}

/**
 * The message without such values; without any value if it is about such a field, or if the event
 * can't be told from its bytes.
 */
export function maskMessage(
  message: string,
  event: Fields | undefined,
  { fields, mask }: EventMask,
): string {
  if (event === undefined || fields.some(({ name }) => hasWord(message, name)))
    return generalizeMessage(message)
  const masked = mask(event)
  return fields.reduce((text, { name }) => {
    const value = event[name]
    const isValue = typeof value === 'string' && value !== ''
    return isValue ? text.replaceAll(value, String(masked[name] ?? '…')) : text
  }, message)
}

function hasWord(text: string, word: string): boolean {
  return text.split(/\W+/).includes(word)
}
