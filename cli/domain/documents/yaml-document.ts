/**
 * YAML and JSON with positions: values together with the places in the file where they stand, so
 * that whoever checks a value can point at it. The one file that imports the YAML package.
 */
import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  stringify,
  type YAMLMap,
} from 'yaml'
import {
  CcsError,
  type ErrorCode,
  FAULTS_LISTED_MAX,
  type Location,
  throwAll,
} from '../kernel/errors.ts'

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

/** Where the lines of a text begin, by the object that holds the text. */
const lineStarts = new WeakMap<object, readonly number[]>()

function findLineStarts(text: string): readonly number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

/**
 * The place of a character, an offset from 0; line and column count from 1. For many places of one
 * text, pass the same object: its lines are searched for once.
 */
export function locateOffset(
  source: { readonly file: string; readonly text: string },
  offset: number,
): Required<Location> {
  const { file, text } = source
  let starts = lineStarts.get(source)
  if (starts === undefined) {
    starts = findLineStarts(text)
    lineStarts.set(source, starts)
  }
  let [line, after] = [0, starts.length]
  while (after - line > 1) {
    const middle = (line + after) >> 1
    if ((starts[middle] ?? 0) <= offset) line = middle
    else after = middle
  }
  const start = starts[line] ?? 0
  return {
    file,
    line: line + 1,
    column: Math.min(offset, text.length) - start + 1,
    text: text.slice(start, (starts[line + 1] ?? text.length + 1) - 1).replace(/\r$/, ''),
  }
}

/** A longer line is not shown with a fault: somebody wrote a whole document on it. */
const LINE_SHOWN_MAX = 10_000

/**
 * Parses one document. Text that isn't YAML is one CcsError with its faults, each with its place;
 * those behind the first are only counted.
 */
export function parseYaml(text: string, source: YamlSource): YamlDocument {
  const named = { file: source.file, text }
  const at = (offset: number): Location => {
    const { text: lineText, ...place } = locateOffset(named, offset)
    const shown = lineText.length > LINE_SHOWN_MAX ? {} : { text: lineText }
    return { ...place, line: place.line + (source.firstLine ?? 1) - 1, ...shown }
  }
  // The package compares each key with all others of its map, so findRepeatedKeys does it here.
  const options = { prettyErrors: false, version: '1.2', uniqueKeys: false } as const
  const document = parseDocument(text, options)
  const faults = [
    ...[...document.errors, ...document.warnings].map(({ message, pos }) => ({
      // Behind a colon the package quotes the file: the place shows it, without its secrets.
      message: message.replace(/\s+/g, ' ').replace(/[.\s]+$|: .*$/, ''),
      offset: pos[0],
    })),
    ...findRepeatedKeys(document.contents).map((offset) => ({
      message: 'Map keys must be unique',
      offset,
    })),
  ]
  throwAll(
    faults
      .slice(0, FAULTS_LISTED_MAX)
      .map(
        ({ message, offset }) => new CcsError(source.code, `${message}.`, { location: at(offset) }),
      ),
    Math.max(0, faults.length - FAULTS_LISTED_MAX),
  )
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new CcsError(source.code, `${message}.`, { location: at(0), cause })
  }
  const pairs = new PairIndex()
  return {
    value,
    locate: (path, part = 'value') => at(findOffset(document.contents, path, part, pairs)),
  }
}

/** A document with the value, without aliases. */
export function stringifyYaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false })
}

/** Offsets of the keys that their map has already, in the order of the text. */
function findRepeatedKeys(root: Node | null): readonly number[] {
  const offsets: number[] = []
  const open: unknown[] = [root]
  while (open.length > 0) {
    const node = open.pop()
    if (isSeq(node)) for (const item of node.items) open.push(item)
    if (isMap(node)) {
      const known = new Set<unknown>()
      for (const { key, value } of node.items) {
        open.push(key, value)
        if (!isScalar(key)) continue
        if (known.has(key.value)) offsets.push(findStart(key) ?? 0)
        known.add(key.value)
      }
    }
  }
  return offsets.sort((a, b) => a - b)
}

/** The pairs of each map by their key's text, listed when the map is first asked for one. */
class PairIndex {
  readonly #maps = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>()

  find(map: YAMLMap, key: string): Pair | undefined {
    let pairs = this.#maps.get(map)
    if (pairs === undefined) {
      // Of keys with the same text, such as 1 and "1", the first one counts.
      pairs = new Map(map.items.toReversed().map((pair) => [keyText(pair.key), pair]))
      this.#maps.set(map, pairs)
    }
    return pairs.get(key)
  }
}

function findOffset(
  root: Node | null,
  path: YamlPath,
  part: 'key' | 'value',
  pairs: PairIndex,
): number {
  let node: Node | null = root
  let offset = findStart(root) ?? 0
  for (const [depth, step] of path.entries()) {
    const isLast = depth === path.length - 1
    if (isMap(node)) {
      const pair = pairs.find(node, String(step))
      if (!pair) return offset
      const key = findStart(pair.key)
      node = isNode(pair.value) ? pair.value : null
      offset = (isLast && part === 'key' ? key : findStart(node)) ?? key ?? offset
    } else if (isSeq(node)) {
      const item = node.items[Number(step)]
      node = isNode(item) ? item : null
      offset = findStart(node) ?? offset
    } else return offset
  }
  return offset
}

function findStart(node: unknown): number | undefined {
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
  const at = findStart(node) ?? 0
  if (isMap(node)) {
    const entries = node.items.map(({ key, value }) => [keyText(key), toJsonNode(value)] as const)
    return { is: 'object', at, entries: new Map(entries) }
  }
  if (isSeq(node)) return { is: 'array', at, items: node.items.map(toJsonNode) }
  // JSON has no other scalars.
  const value = isScalar(node) ? (node.value as string | number | boolean | null) : null
  return { is: 'scalar', at, value }
}
