/**
 * YAML and JSON with positions: values together with the places in the file where they stand, so
 * that whoever checks a value can point at it. The one file that imports the YAML package.
 */
import { isMap, isNode, isScalar, isSeq, type Node, parseDocument } from 'yaml'
import { CcsError, type ErrorCode, type Location, throwAll } from '../kernel/errors.ts'

/** Keys and indexes that lead to a value from the root. */
export type YamlPath = readonly (string | number)[]

/** Where a text comes from, for its faults. */
export interface YamlSource {
  readonly file: string
  /** Line of `file` that the text begins on, from 1, for YAML inside another file; else 1. */
  readonly firstLine?: number
  /** Code of the error for text that is not YAML. */
  readonly code: ErrorCode
}

/** A parsed text whose values can be located. */
export interface YamlDocument {
  /** What the text says as plain objects, arrays and scalars; null for an empty text. */
  readonly value: unknown
  /**
   * Where the value at `path` begins, or with 'key' where its key does. For a path that does not
   * exist, the place of its nearest ancestor that does.
   */
  locate(path: YamlPath, part?: 'key' | 'value'): Location
}

/** The place of a character, an offset from 0; line and column count from 1. */
export function locateOffset(
  { file, text }: { readonly file: string; readonly text: string },
  offset: number,
): Required<Location> {
  const before = text.slice(0, offset).split('\n')
  const line = before.length
  return {
    file,
    line,
    column: (before.at(-1)?.length ?? 0) + 1,
    text: (text.split('\n')[line - 1] ?? '').replace(/\r$/, ''),
  }
}

/**
 * Parses one document. Text that isn't YAML is one CcsError with all its faults, each with its
 * place.
 */
export function parseYaml(text: string, source: YamlSource): YamlDocument {
  const at = (offset: number): Location => {
    const place = locateOffset({ file: source.file, text }, offset)
    return { ...place, line: place.line + (source.firstLine ?? 1) - 1 }
  }
  const document = parseDocument(text, { prettyErrors: false, version: '1.2' })
  const faults = [...document.errors, ...document.warnings].map((fault) => {
    // Behind a colon the package quotes the file: the place shows it, without its secrets.
    const message = fault.message.replace(/\s+/g, ' ').replace(/[.\s]+$|: .*$/, '')
    return new CcsError(source.code, `${message}.`, { location: at(fault.pos[0]) })
  })
  throwAll(faults)
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new CcsError(source.code, `${message}.`, { location: at(0), cause })
  }
  return {
    value,
    locate: (path, part = 'value') => at(offsetOf(document.contents, path, part)),
  }
}

function offsetOf(root: Node | null, path: YamlPath, part: 'key' | 'value'): number {
  let node: Node | null = root
  let offset = startOf(root) ?? 0
  for (const [depth, step] of path.entries()) {
    const isLast = depth === path.length - 1
    if (isMap(node)) {
      const pair = node.items.find((item) => keyText(item.key) === String(step))
      if (!pair) return offset
      const key = isNode(pair.key) ? startOf(pair.key) : undefined
      node = isNode(pair.value) ? pair.value : null
      offset = (isLast && part === 'key' ? key : startOf(node)) ?? key ?? offset
    } else if (isSeq(node)) {
      const item = node.items[Number(step)]
      node = isNode(item) ? item : null
      offset = startOf(node) ?? offset
    } else return offset
  }
  return offset
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

function keyText(key: unknown): string {
  return String(isScalar(key) ? key.value : key)
}

/** A JSON object with `at`, the offset of its first character in the text. */
export interface JsonObjectNode {
  readonly is: 'object'
  readonly at: number
  readonly entries: ReadonlyMap<string, JsonNode>
}

/** A JSON value with `at` as above. */
export type JsonNode =
  | JsonObjectNode
  | { readonly is: 'array'; readonly at: number; readonly items: readonly JsonNode[] }
  | { readonly is: 'scalar'; readonly at: number; readonly value: string | number | boolean | null }

/**
 * Parses a text that JSON.parse has accepted already: JSON is YAML too, except for two kinds of
 * blanks.
 */
export function parseJsonNodes(text: string): JsonNode {
  // A carriage return alone is no blank in YAML; a tab is one, though YAML complains of it.
  const options = { uniqueKeys: false, strict: false, schema: 'json', version: '1.2' } as const
  return toJsonNode(parseDocument(text.replaceAll('\r', ' '), options).contents)
}

function toJsonNode(node: unknown): JsonNode {
  const at = startOf(node) ?? 0
  if (isMap(node)) {
    const entries = node.items.map(({ key, value }) => [keyText(key), toJsonNode(value)] as const)
    return { is: 'object', at, entries: new Map(entries) }
  }
  if (isSeq(node)) return { is: 'array', at, items: node.items.map(toJsonNode) }
  // JSON has no other scalars.
  const value = isScalar(node) ? (node.value as string | number | boolean | null) : null
  return { is: 'scalar', at, value }
}
