/** Checks that a deployment to be stored has secrets as ${VAR}, never as their values. */

import { CcsError } from '../kernel/errors.ts'
import { SECRET_KEY } from '../kernel/redact.ts'
import type { Deployment } from './deployment.ts'

/** CCS_CONFIG_INVALID for a connector or topic with a plain secret; the message omits its value. */
export function refuseSecrets(deployment: Deployment): void {
  for (const { kind, name, content } of deployment.resources) {
    if (kind !== 'connector' && kind !== 'topic') continue
    const key = findSecret(JSON.parse(content))
    if (key === undefined) continue
    throw new CcsError(
      'CCS_CONFIG_INVALID',
      `${key} of the ${kind} ${name} contains a secret as plain text.`,
      {
        hint: `Write \${VAR} instead, and set the variable where ccs runs.`,
      },
    )
  }
}

function findSecret(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, one] of Object.entries(value)) {
    if (typeof one === 'string' && isSecret(key, one)) return key
    const within = findSecret(one)
    if (within !== undefined) return within
  }
  return undefined
}

/** Ends of settings that say where a secret is found, or for how long it holds. */
const ABOUT_SECRETS =
  /(source|class|provider|type|mechanism|ur[il]|endpoint|location|name|enabled?|ms)$/i

function isSecret(key: string, value: string): boolean {
  if (value === '' || /\$\{\w/.test(value)) return false
  return SECRET_KEY.test(key) && !ABOUT_SECRETS.test(key)
}
