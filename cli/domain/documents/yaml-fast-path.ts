/**
 * The plain part of YAML that nearly every header is written in, read line by line: keys with a text, a list in
 * brackets or a list of dashes. A full reader takes ten times as long, which a project of hundreds of models feels.
 * Whatever is not surely plain is left to the full reader, as is every fault.
 */

/** Texts that YAML reads as something else. */
const NO_TEXT = /^(true|false|null|yes|no|on|off|y|n)$/i
/** Begins with a letter, or is a number with a unit; no character in it means anything to YAML. */
const TEXT = /^([A-Za-z][\w ,.()<>=+*/'-]*|\d+ [a-z]+( [a-z]+)?)$/
const QUOTED = /^"([^"\\]*)"$/
const LINE = /^([a-z_]+):(?: +(.*))?$/
const DASH = /^ +- +(.*)$/
/** Items of a list in brackets, with the comma or the end after each. */
const ITEM = /\s*("[^"\\]*"|[^",[\]{}]+?)\s*(?:,|$)/gy

/** What the text says; undefined when that takes a full reader to say. */
export function parseSimpleYaml(text: string): Readonly<Record<string, unknown>> | undefined {
  if (/[\t\r]/.test(text)) return undefined
  const values: Record<string, unknown> = {}
  let open: unknown[] | undefined
  let indent: number | undefined
  for (const line of text.split('\n')) {
    const bare = withoutComment(line).trimEnd()
    if (bare === '') continue
    const dash = DASH.exec(bare)
    if (dash) {
      const item = scalar(dash[1] ?? '')
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
    const read = value === undefined ? open : value.startsWith('[') ? list(value) : scalar(value)
    if (read === undefined) return undefined
    values[key] = read
  }
  return open?.length === 0 || Object.keys(values).length === 0 ? undefined : values
}

/** A `#` after a blank begins a comment, but within quotes. */
function withoutComment(line: string): string {
  if (!line.includes('#')) return line
  const quoted = /^((?:[^"#]|"[^"]*")*?)(?:(?:^|\s)#.*)?$/.exec(line)
  return quoted?.[1] ?? line
}

function scalar(text: string): string | undefined {
  const quoted = QUOTED.exec(text)
  if (quoted) return quoted[1]
  return TEXT.test(text) && !NO_TEXT.test(text) ? text : undefined
}

function list(text: string): readonly string[] | undefined {
  if (!text.endsWith(']')) return undefined
  const inside = text.slice(1, -1).trim()
  if (inside === '') return []
  const items: string[] = []
  ITEM.lastIndex = 0
  while (ITEM.lastIndex < inside.length) {
    const item = scalar(ITEM.exec(inside)?.[1] ?? '')
    if (item === undefined) return undefined
    items.push(item)
  }
  return inside.endsWith(',') ? undefined : items
}
