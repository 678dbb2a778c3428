/**
 * Who may send: write keys of senders, and the signatures of webhooks. All comparisons take the
 * same time whatever is sent.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** Name of whoever sends where no keys are asked for. */
export const ANYONE = 'anyone'

/** The write keys of a project. */
export class WriteKeys {
  /** Whether no sender is named: one that has no key yet is no reason to take everybody's. */
  readonly #isOpen: boolean
  readonly #keys: readonly { readonly name: string; readonly hash: Buffer }[]

  constructor(keys: ReadonlyMap<string, readonly string[]>) {
    this.#isOpen = keys.size === 0
    this.#keys = [...keys].flatMap(([name, list]) =>
      list.map((key) => ({ name, hash: hashText(key) })),
    )
  }

  /** The sender that has this key; `anyone` where no keys are asked for; else undefined. */
  findSender(key: string | undefined): string | undefined {
    if (this.#isOpen) return ANYONE
    const hash = hashText(key ?? '')
    let found: string | undefined
    // All of them, so that the time does not tell which key was close.
    for (const one of this.#keys) if (timingSafeEqual(one.hash, hash)) found ??= one.name
    return found
  }
}

/** The key of an Authorization header: `Basic` with the key as user name, or `Bearer`. */
export function readAuthorization(header: string | undefined): string | undefined {
  const [scheme = '', value = ''] = (header ?? '').split(' ')
  if (/^bearer$/i.test(scheme)) return value
  if (!/^basic$/i.test(scheme)) return undefined
  return Buffer.from(value, 'base64').toString('utf8').split(':')[0]
}

/** Whether one of the secrets signed these bytes: HMAC with SHA-256, in base64. */
export function isSigned(body: Buffer, signature: string, secrets: readonly string[]): boolean {
  const given = Buffer.from(signature, 'base64')
  let isRight = false
  for (const secret of secrets) {
    const own = createHmac('sha256', secret).update(body).digest()
    if (given.length === own.length && timingSafeEqual(given, own)) isRight = true
  }
  return isRight
}

function hashText(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
