/**
 * Where a rule of a mapping takes its value from: columns and paths, a constant, a template, or a
 * hash of values.
 */
import type { DocumentReader } from '../../documents/document-reader.ts'
import type { YamlPath } from '../../documents/yaml-document.ts'
import type { TemplatePart, ValueSource } from './mapping-spec.ts'
import type { RuleInput, RuleMap } from './rule-input.ts'
import { hasEveryEntry, parsePath } from './value-path.ts'

/** Keys of a rule that say where its value comes from. */
export const SOURCE_KEYS = ['from', 'constant', 'template', 'hash']

/** Returns undefined if the rule doesn't have exactly one source; the fault is noted. */
export function parseSource(
  map: RuleMap,
  { path, field, reader }: RuleInput,
): ValueSource | undefined {
  const given = SOURCE_KEYS.filter((key) => map[key] !== undefined)
  const [kind] = given
  if (kind === undefined || given.length > 1) {
    const has = given.join(', ') || 'none'
    const message = `${path.join('.')} needs one of ${SOURCE_KEYS.join(', ')}; it has ${has}.`
    reader.fault(
      path,
      message,
      'A value has one source; `from` takes a list of columns to try.',
      'key',
    )
    return undefined
  }
  const at = [...path, kind]
  if (kind === 'constant') {
    const value = reader.text(map.constant, at)
    return value === undefined ? undefined : { kind, value }
  }
  if (kind === 'template') {
    const text = reader.text(map.template, at)
    return text === undefined ? undefined : { kind, parts: parseTemplate(text, at, reader) }
  }
  const paths = reader.texts(map[kind], at) ?? []
  for (const each of paths) {
    checkPath(each, at, reader)
    if (hasEveryEntry(each) && !(kind === 'from' && field.kind === 'money'))
      reader.fault(
        at,
        `"${each}" has all entries of a list, and only the amounts of a \`from\` are added up.`,
        'Name one entry, such as [0] or [key=value].',
      )
  }
  return { kind: kind === 'hash' ? 'hash' : 'from', paths }
}

function checkPath(path: string, at: YamlPath, reader: DocumentReader): void {
  // A column of a CSV file may have any name; one with brackets is a path for sure.
  if (path === '' || (/[[\]]/.test(path) && parsePath(path.replace(/^\$\./, '')) === undefined))
    reader.fault(at, `"${path}" is no column or path.`, 'Paths look like user.id or items[0].sku.')
}

/** `/p/{product_id}`; `{{` and `}}` stand for braces. */
function parseTemplate(
  text: string,
  at: YamlPath,
  reader: DocumentReader,
): readonly TemplatePart[] {
  const parts: TemplatePart[] = []
  for (const [whole, path] of text.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]/g)) {
    if (path !== undefined) {
      checkPath(path, at, reader)
      parts.push({ path })
    } else if (whole === '{' || whole === '}')
      reader.fault(at, `A "${whole}" in the template is not paired.`, `Write "${whole}${whole}".`)
    else parts.push({ text: whole === '{{' || whole === '}}' ? whole.slice(1) : whole })
  }
  return parts
}
