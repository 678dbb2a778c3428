/** What the collector needs before it may listen. */
import type { CollectSettings } from '../config/read-collect.ts'
import { CcsError } from '../kernel/errors.ts'
import { isLoopback, parseNetwork } from './network.ts'

/** Whether only programs of this machine reach the address. */
export function isLoopbackHost(host: string): boolean {
  if (host === 'localhost') return true
  const network = parseNetwork(host)
  return network !== undefined && isLoopback(network) && host !== '::'
}

/**
 * CCS_CONFIG_INVALID for variables that are not set, and for an address that others reach where
 * anyone may send.
 */
export function checkSettings({ host, keys, origins, missing }: CollectSettings): void {
  const [variable] = missing
  if (variable !== undefined)
    throw new CcsError(
      'CCS_CONFIG_INVALID',
      `collect in ccs.yml needs the environment variable ${variable}, which is not set.`,
      { hint: `Set it, or give it a fallback: \${${variable}:-value}` },
    )
  if (isLoopbackHost(host)) return
  const lacks = [
    ...(keys.size === 0 ? ['write keys (collect.keys)'] : []),
    ...(origins.length === 0 ? ['the pages that may send (collect.origins)'] : []),
  ]
  if (lacks.length > 0)
    throw new CcsError(
      'CCS_CONFIG_INVALID',
      `The collector would listen on ${host} for others, without ${lacks.join(' and ')}.`,
      {
        hint:
          'Set them in ccs.yml, or let it listen on 127.0.0.1 behind a proxy with TLS: ' +
          'docs/collect.md has files for Caddy and nginx.',
      },
    )
}
