/**
 * A fast reader for the simple YAML of nearly all model headers: keys with a text, a list in
 * brackets or a list of dashes. The full parser takes ten times as long, which counts with hundreds
 * of models. Everything else, and every fault, is left to the full parser.
 */

/** Texts that YAML reads as other values. */
const NOT_TEXT = /^(true|false|null|yes|no|on|off|y|n)$/i
/**
 * A text that begins with a letter, or a number with a unit, without characters that YAML treats
 * specially.
 */
const TEXT = /^([A-Za-z][\w ,.()<>=+*/'-]*|\d+ [a-z]+( [a-z]+)?)$/
const QUOTED = /^"([^"\\]*)"$/
const LINE = /^([a-z_]+):(?: +(.*))?$/
const DASH = /^ +- +(.*)$/
/** An item of a list in brackets, with the comma or the end that follows. */
const ITEM = /\s*("[^"\\]*"|[^",[\]{}]+?)\s*(?:,|$)/gy

/** The keys and values; undefined if the text needs the full parser. */
export function parseSimpleYaml(text: string): Readonly<Record<string, unknown>> | undefined {
  if (/[\t\r]/.test(text)) return undefined
  const values: Record<string, unknown> = {}
  let open: unknown[] | undefined
  let indent: number | undefined
  for (const line of text.split('\n')) {
    const bare = stripComment(line).trimEnd()
    if (bare === '') continue
    const dash = DASH.exec(bare)
    if (dash) {
      const item = readScalar(dash[1] ?? '')
      indent ??= bare.indexOf('-')
      if (!open || item === undefined || bare.indexOf('-') !== indent) return undefined
      open.push(item)
      continue
    }
    if (open?.length === 0) return undefined
    const [, key, value] = LINE.exec(bare) ?? []
    if (key === undefined || Object.hasOwn(values, key)) return undefined
    indent = undefined
    open = value === undefined ? [] : undefined
    const read =
      value === undefined ? open : value.startsWith('[') ? readList(value) : readScalar(value)
    if (read === undefined) return undefined
    values[key] = read
  }
  return open?.length === 0 || Object.keys(values).length === 0 ? undefined : values
}

/** The line without its comment: a `#` at the beginning or after a blank, outside quotes. */
function stripComment(line: string): string {
  if (!line.includes('#')) return line
  const quoted = /^((?:[^"#]|"[^"]*")*?)(?:(?:^|\s)#.*)?$/.exec(line)
  return quoted?.[1] ?? line
}

function readScalar(text: string): string | undefined {
  const quoted = QUOTED.exec(text)
  if (quoted) return quoted[1]
  return TEXT.test(text) && !NOT_TEXT.test(text) ? text : undefined
}

function readList(text: string): readonly string[] | undefined {
  if (!text.endsWith(']')) return undefined
  const inside = text.slice(1, -1).trim()
  if (inside === '') return []
  const items: string[] = []
  ITEM.lastIndex = 0
  while (ITEM.lastIndex < inside.length) {
    const item = readScalar(ITEM.exec(inside)?.[1] ?? '')
    if (item === undefined) return undefined
    items.push(item)
  }
  return inside.endsWith(',') ? undefined : items
}
