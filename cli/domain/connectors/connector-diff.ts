/** How a connector in Kafka Connect differs from its file, told without its secrets. */
import { parseList } from './check-settings.ts'
import type { DesiredConnector } from './desired-connectors.ts'
import { settingsForClass } from './setting-rules.ts'

/** A setting that is not as it should be; null: not set. Secrets as their `${VAR}`, or `***`. */
export interface SettingChange {
  readonly key: string
  readonly wanted: string | null
  readonly found: string | null
}

/** What differs between a connector and its settings in Connect, by key; [] when it is as it should be. */
export function diffConnector(
  desired: Pick<DesiredConnector, 'config' | 'displayed'>,
  actual: Readonly<Record<string, string>>,
): readonly SettingChange[] {
  const keys = new Set([...Object.keys(desired.config), ...Object.keys(actual)])
  keys.delete('name') // Connect writes it into each.
  const { rules } = settingsForClass(desired.config['connector.class'] ?? '')
  return [...keys].sort().flatMap((key) => {
    const [wanted, found] = [desired.config[key], actual[key]]
    const type = rules[key]?.type ?? 'string'
    if (
      wanted !== undefined &&
      found !== undefined &&
      normalizeValue(wanted, type) === normalizeValue(found, type)
    )
      return []
    const isSecret = SECRET.test(key) || (wanted !== undefined && desired.displayed[key] !== wanted)
    return [
      {
        key,
        wanted: wanted === undefined ? null : (desired.displayed[key] ?? wanted),
        found: found === undefined ? null : isSecret ? '***' : found,
      },
    ]
  })
}

const SECRET = /password|secret|token|credential|access[.-]?key|jaas|passphrase|basic\.auth/i

/** Two texts of one meaning are one: TRUE and true, `a, b` and `a,b`. */
function normalizeValue(value: string, type: string): string {
  const text = value.trim()
  if (type === 'boolean') return text.toLowerCase()
  if (type === 'list') return parseList(text).join(',')
  return (type === 'int' || type === 'long') && /^[-+]?\d+$/.test(text)
    ? String(BigInt(text.replace('+', '')))
    : text
}

/** A foreign text, such as a trace, without the secrets of a connector. */
export function redactSecrets(text: string, connector: Pick<DesiredConnector, 'secrets'>): string {
  return connector.secrets
    .filter((secret) => secret.length > 3)
    .sort((a, b) => b.length - a.length)
    .reduce((left, secret) => left.replaceAll(secret, '***'), text)
}
