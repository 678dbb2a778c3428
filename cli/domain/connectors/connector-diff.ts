/** Compares a connector's desired settings with those in Connect, without revealing secrets. */
import { redactAddress, SECRET_KEY } from '../kernel/redact.ts'
import { parseList } from './check-settings.ts'
import type { DesiredConnector } from './desired-connectors.ts'
import { findSettings } from './setting-rules.ts'

/** A setting that differs; null: not set. Secrets appear as their `${VAR}` or as `***`. */
export interface SettingChange {
  readonly key: string
  readonly wanted: string | null
  readonly found: string | null
}

/** Returns what differs between the desired settings and those in Connect, sorted by key. */
export function diffConnector(
  desired: Pick<DesiredConnector, 'config' | 'displayed'>,
  actual: Readonly<Record<string, string>>,
): readonly SettingChange[] {
  const keys = new Set([...Object.keys(desired.config), ...Object.keys(actual)])
  keys.delete('name') // Connect adds it to every config.
  const { rules } = findSettings(desired.config['connector.class'] ?? '')
  return [...keys].sort().flatMap((key) => {
    const [wanted, found] = [desired.config[key], actual[key]]
    const type = rules[key]?.type ?? 'string'
    if (
      wanted !== undefined &&
      found !== undefined &&
      normalizeValue(wanted, type) === normalizeValue(found, type)
    )
      return []
    const shown = desired.displayed[key] ?? wanted ?? null
    const isSecret =
      SECRET_KEY.test(key) || (wanted !== undefined && desired.displayed[key] !== wanted)
    return [
      {
        key,
        wanted: wanted === undefined ? null : shown === wanted ? redactAddress(wanted) : shown,
        found: found === undefined ? null : isSecret ? '***' : redactAddress(found),
      },
    ]
  })
}

/** Texts with the same meaning become equal: TRUE and true, `a, b` and `a,b`. */
function normalizeValue(value: string, type: string): string {
  const text = value.trim()
  if (type === 'boolean') return text.toLowerCase()
  if (type === 'list') return parseList(text).join(',')
  return (type === 'int' || type === 'long') && /^[-+]?\d+$/.test(text)
    ? String(BigInt(text.replace('+', '')))
    : text
}

/** Replaces a connector's secrets in a text from elsewhere, such as a stack trace, by `***`. */
export function redactSecrets(text: string, connector: Pick<DesiredConnector, 'secrets'>): string {
  return connector.secrets
    .filter((secret) => secret.length > 3)
    .sort((a, b) => b.length - a.length)
    .reduce((left, secret) => left.replaceAll(secret, '***'), text)
}
