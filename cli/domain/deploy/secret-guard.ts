/** Checks that a deployment to be stored has secrets as ${VAR}, never as their values. */

import { CcsError } from '../kernel/errors.ts'
import type { Deployment } from './deployment.ts'

/** Settings of connectors and their clients that hold a secret. */
const SECRET =
  /password|passwd|passphrase|secret|jaas\.config|private[._-]?key|user\.info|(?:^|[._-])token$/i

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
    if (typeof one === 'string' && one !== '' && SECRET.test(key) && !/\$\{\w/.test(one)) return key
    const within = findSecret(one)
    if (within !== undefined) return within
  }
  return undefined
}
