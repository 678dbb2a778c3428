/**
 * Whose events a browser's are. Without consent, the id is a keyed hash of network, user agent and
 * site that changes each day, since its key does; with consent, it is a cookie's that the answer
 * sets, because browsers keep what scripts set for a week only. See docs/adr/0048.
 */
import { createHmac } from 'node:crypto'

/** What is known of whoever sent a request. */
export interface Sender {
  /** Name of the key that it was sent with; `anyone` where no keys are asked for. */
  readonly name: string
  /** Sent by a page, not by a server or an app. */
  readonly isBrowser: boolean
  /** The page's origin. */
  readonly site: string
  readonly network: string
  /** Whether the network is that of a data centre. */
  readonly isDataCentre: boolean
  readonly userAgent: string
  readonly referrer: string | undefined
  readonly country: string | null
  readonly city: string | null
  /** Value of the visitor's cookie. */
  readonly cookie: string | undefined
  /** Global Privacy Control or Do Not Track. */
  readonly refuses: boolean
  readonly receivedMs: number
}

/** What an answer does with the visitor's cookie: sets it to an id, removes it, or neither. */
export type CookieChange = { readonly set: string } | 'remove' | undefined

/** The visitor of an event. */
export interface Visitor {
  readonly id: string
  readonly consent: boolean | null
  readonly cookie: CookieChange
}

/** The fields of an event that decide. */
export interface Identified {
  readonly anonymous_id: unknown
  readonly session_id: unknown
  readonly consent: unknown
}

const COOKIE = /^[\w.-]{8,100}$/

/** Decides whose event it is; `salt` is the day's. Not for servers and apps, which say it. */
export function identifyVisitor(event: Identified, sender: Sender, salt: Buffer): Visitor {
  const given = typeof event.anonymous_id === 'string' ? event.anonymous_id : ''
  const said = typeof event.consent === 'boolean' ? event.consent : null
  const consent = sender.refuses ? false : said
  const cookie = sender.cookie !== undefined && COOKIE.test(sender.cookie) ? sender.cookie : ''
  if (consent === true) {
    if (cookie !== '') return { id: cookie, consent, cookie: undefined }
    // Not the day's id: people behind one address would share the cookie for ever.
    const ofSession = typeof event.session_id === 'string' ? `s.${event.session_id}` : ''
    const id = given || ofSession || hashVisitor(sender, salt)
    return { id, consent, cookie: COOKIE.test(id) ? { set: id } : undefined }
  }
  const removal = consent === false && sender.cookie !== undefined ? 'remove' : undefined
  const id = consent === null && given !== '' ? given : hashVisitor(sender, salt)
  return { id, consent, cookie: removal }
}

/** The day's id of whoever sends from this network with this user agent to this site. */
export function hashVisitor(
  sender: Pick<Sender, 'network' | 'userAgent' | 'site'>,
  salt: Buffer,
): string {
  const text = `${sender.site}\n${sender.network}\n${sender.userAgent}`
  return `d.${createHmac('sha256', salt).update(text).digest('base64url').slice(0, 22)}`
}
