/** Breaks and remarks of a schema in lines: for `ccs schema check`, and wherever else a schema is refused. */
import { formatLocation } from '../console/text.ts'
import type { CheckedTopic, SchemaBreak } from './check-project.ts'

type Paint = (style: 'red' | 'yellow' | 'bold', text: string) => string

/** [] for a topic of which there is nothing to tell. */
export function formatTopicCheck(
  { topic, breaks, remarks, keepAs }: CheckedTopic,
  paint: Paint,
): readonly string[] {
  if (breaks.length + remarks.length === 0 && keepAs === null) return []
  return [
    paint('bold', topic),
    ...breaks.flatMap((one) => formatBreak(one, paint)),
    ...remarks.flatMap(({ message, location, versions }) => [
      `  ${paint('yellow', 'note')}   ${message}`,
      `         ${formatLocation(location)}, against ${versionWords(versions)}`,
    ]),
    ...(keepAs !== null && breaks.length === 0
      ? [`  Not kept yet: cp schemas/${topic}.avsc ${keepAs}`]
      : []),
    '',
  ]
}

export function formatBreak(
  { rule, message, location, kept, versions, uses }: SchemaBreak,
  paint: Paint,
): readonly string[] {
  const other = location === kept ? '' : `, was ${formatLocation(kept)}`
  const used = (['model', 'mart', 'dashboard'] as const).flatMap((kind) => {
    const names = uses
      .filter((one) => one.kind === kind)
      .map(({ name, at }) => (at === null ? name : `${name} (${formatLocation(at)})`))
    return names.length === 0 ? [] : [`         may break ${kind}s: ${names.join(', ')}`]
  })
  return [
    `  ${paint('red', 'break')}  ${message}`,
    `         rule "${rule}" at ${formatLocation(location)}${other}; ${versionWords(versions)}`,
    ...used,
  ]
}

function versionWords(versions: readonly number[]): string {
  return `${versions.length === 1 ? 'version' : 'versions'} ${versions.join(', ')}`
}
