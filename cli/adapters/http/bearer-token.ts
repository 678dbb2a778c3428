/** Tokens for SASL OAUTHBEARER: as configured, or from a token endpoint (RFC 6749, 4.4). */

import type { Sasl } from '../../domain/config/target.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'

const TOKEN_MS = 10_000

/** Throws CCS_KAFKA_DENIED without a token; the message never contains the secret. */
export async function fetchBearerToken(sasl: Sasl): Promise<string> {
  const { token, tokenUrl, clientId = '', clientSecret = '', scope } = sasl
  if (token !== undefined) return token
  if (tokenUrl === undefined)
    throw new CcsError('CCS_CONFIG_INVALID', 'sasl has neither token nor token_url.', {
      hint: 'OAUTHBEARER needs one of them in ccs.yml.',
    })
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(scope ? { scope } : {}),
  })
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64')
  const fault = (what: string, cause?: unknown) =>
    new CcsError('CCS_KAFKA_DENIED', `${tokenUrl} gave no token: ${what}.`, {
      exit: EXIT.unreachable,
      hint: 'Check token_url, client_id and client_secret of the target in ccs.yml.',
      cause,
    })
  const answer = await fetch(tokenUrl, {
    method: 'POST',
    body,
    headers: { authorization: `Basic ${basic}` },
    signal: AbortSignal.timeout(TOKEN_MS),
  }).catch((error: unknown) => {
    throw fault('it does not answer', error)
  })
  if (!answer.ok) throw fault(`it answers ${answer.status}`)
  const document: unknown = await answer.json().catch(() => undefined)
  if (typeof document === 'object' && document !== null && 'access_token' in document)
    return String(document.access_token)
  throw fault('its answer has no access_token')
}
