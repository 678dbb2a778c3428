/**
 * YAML with positions: the plain value, and for each path in it the place in the file where it stands, so
 * that whoever checks the value can point at it. The one file that imports the YAML package.
 */
import { isMap, isNode, isSeq, type Node, parseDocument } from 'yaml'
import { CcsError, type ErrorCode, EXIT, type Location, throwAll } from '../kernel/errors.ts'

export type YamlPath = readonly (string | number)[]

export interface YamlSource {
  readonly file: string
  /** Line of `file` (from 1) that the text begins on, for YAML inside another file; 1 when absent. */
  readonly firstLine?: number
  /** Code of the error for text that is not YAML. */
  readonly code: ErrorCode
}

export interface YamlDocument {
  /** What the text says as plain objects, arrays and scalars; null for an empty text. */
  readonly value: unknown
  /**
   * Where the value at `path` begins, or with 'key' where its key does. A path that isn't there is located
   * at its nearest ancestor that is.
   */
  locate(path: YamlPath, part?: 'key' | 'value'): Location
}

/** Parses one document. Text that isn't YAML is one CcsError with all its faults, each located. */
export function parseYaml(text: string, source: YamlSource): YamlDocument {
  const lines = text.split(/\r?\n/)
  const at = (offset: number): Location => {
    const before = text.slice(0, offset).split('\n')
    const index = Math.min(before.length, lines.length) - 1
    return {
      file: source.file,
      line: index + (source.firstLine ?? 1),
      column: (before.at(-1)?.length ?? 0) + 1,
      text: lines[index] ?? '',
    }
  }
  const document = parseDocument(text, { prettyErrors: false, version: '1.2' })
  const faults = [...document.errors, ...document.warnings].map((fault) => {
    const message = fault.message.replace(/\s+/g, ' ').replace(/[.\s]+$/, '')
    return new CcsError(source.code, `${message}.`, {
      exit: EXIT.usage,
      location: at(fault.pos[0]),
    })
  })
  throwAll(faults)
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new CcsError(source.code, `${message}.`, {
      exit: EXIT.usage,
      location: at(0),
      cause,
    })
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
      const pair = node.items.find((item) => scalarOf(item.key) === String(step))
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

function startOf(node: Node | null): number | undefined {
  return node?.range?.[0]
}

function scalarOf(key: unknown): string {
  return key !== null && typeof key === 'object' && 'value' in key ? String(key.value) : String(key)
}
