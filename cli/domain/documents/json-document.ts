/**
 * JSON in which each value knows its place, so that a fault of a schema or a connector can be shown
 * in its file. JSON.parse decides whether a text is JSON; the YAML reader gives the places.
 */
import { CcsError, type ErrorCode, EXIT } from '../kernel/errors.ts'
import {
  type JsonNode,
  type JsonObjectNode,
  locateOffset,
  parseJsonNodes,
} from './yaml-document.ts'

/** A file's text under the name that it is shown by. */
export interface NamedText {
  readonly file: string
  readonly text: string
}

/** Throws `code` with the place of a syntax error. */
export function parseLocatedJson(
  source: NamedText,
  code: ErrorCode = 'CCS_SCHEMA_INVALID',
): JsonNode {
  try {
    JSON.parse(source.text)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new CcsError(code, `${source.file} is not JSON.`, {
      exit: EXIT.usage,
      location: locateOffset(source, findFault(source.text)),
      hint: `${message.replace(/(,[^,]*".*| in JSON.*)$/s, '')} here.`,
      cause,
    })
  }
  return parseJsonNodes(source.text)
}

/**
 * Offset at which a text stops being JSON, which V8 does not always say; its end where something is
 * missing.
 */
function findFault(text: string): number {
  let [good, bad] = [0, text.length + 1]
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (isBeginningOfJson(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return Math.min(good, text.length)
}

function isBeginningOfJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const at = Number(/at position (\d+)/.exec(message)?.[1] ?? -1)
    return /end of JSON|Unterminated/.test(message) || at === text.length
  }
}

/** The plain value, as JSON.parse gives it. */
export function toPlainValue(node: JsonNode): unknown {
  switch (node.is) {
    case 'scalar':
      return node.value
    case 'array':
      return node.items.map(toPlainValue)
    case 'object':
      return Object.fromEntries([...node.entries].map(([key, one]) => [key, toPlainValue(one)]))
  }
}

/** The value of a key; undefined if it is missing, an object or an array. */
export function readScalar(
  object: JsonObjectNode,
  key: string,
): string | number | boolean | null | undefined {
  const node = object.entries.get(key)
  return node?.is === 'scalar' ? node.value : undefined
}

/** The text of a key; undefined if it is missing or no text. */
export function readText(object: JsonObjectNode, key: string): string | undefined {
  const value = readScalar(object, key)
  return typeof value === 'string' ? value : undefined
}
