/**
 * Breaks and remarks of schemas as lines, for `ccs schema check` and the commands that a break
 * stops.
 */
import { formatLocation } from '../console/text.ts'
import type { CheckedTopic, SchemaBreak } from './check-project.ts'

type Paint = (style: 'red' | 'yellow' | 'bold', text: string) => string

/** Lines of one topic; [] if it has neither breaks nor remarks and is kept. */
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
      `         ${formatLocation(location)}, against ${formatVersions(versions)}`,
    ]),
    ...(keepAs !== null && breaks.length === 0
      ? [`  Not kept yet: cp schemas/${topic}.avsc ${keepAs}`]
      : []),
    '',
  ]
}

/** Lines of one break: the message, the rule with its places, and what may use the field. */
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
    `         rule "${rule}" at ${formatLocation(location)}${other}; ${formatVersions(versions)}`,
    ...used,
  ]
}

function formatVersions(versions: readonly number[]): string {
  return `${versions.length === 1 ? 'version' : 'versions'} ${versions.join(', ')}`
}
