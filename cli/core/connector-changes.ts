/** Stand-in until connectors have their own page: what differs between a connector and its settings in Connect. */
import type { DesiredConnector } from './desired.ts'

export function connectorChanges(
  desired: Pick<DesiredConnector, 'config' | 'shown'>,
  actual: Readonly<Record<string, string>>,
): readonly {
  readonly key: string
  readonly wanted: string | null
  readonly found: string | null
}[] {
  const keys = new Set([...Object.keys(desired.config), ...Object.keys(actual)])
  keys.delete('name')
  return [...keys].sort().flatMap((key) => {
    const [wanted, found] = [desired.config[key], actual[key]]
    if (wanted === found) return []
    const isSecret = wanted !== undefined && desired.shown[key] !== wanted
    return [
      {
        key,
        wanted: wanted === undefined ? null : (desired.shown[key] ?? wanted),
        found: found === undefined ? null : isSecret ? '***' : found,
      },
    ]
  })
}
