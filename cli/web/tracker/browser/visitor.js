/**
 * Who visits: the consent, and with it the session and the customer. Without consent nothing is
 * stored but the decision itself.
 */
import { isKept, read, remove, write } from './store.js'
import { makeId } from './values.js'

const PAUSE_MS = 1_800_000
const CONSENT = 'ccs.consent'
const CUSTOMER = 'ccs.customer'
const SESSION = 'ccs.session'

/** @type {string | false | undefined} stored with consent, else for this page alone */
let customer

/**
 * What the visitor decided; undefined: nothing yet. A browser that refuses for its visitor is
 * believed before anything stored.
 * @returns {boolean | undefined | ''}
 */
export const readConsent = () => {
  // The DOM's types don't know Global Privacy Control.
  const { doNotTrack, globalPrivacyControl } = /** @type {any} */ (navigator)
  const decision = doNotTrack > 0 || globalPrivacyControl ? 'false' : read(CONSENT)
  return decision && decision === 'true'
}

/** @param {boolean} given */
export const decide = (given) => {
  write(CONSENT, `${given}`)
  recognize(given && customer)
}

/**
 * Stores the customer with consent, and removes all ids without it.
 * @param {string | false} [id] none: not known, or no longer
 */
export const recognize = (id) => {
  customer = id
  const consent = readConsent()
  if (consent && id) write(CUSTOMER, id)
  else remove(CUSTOMER)
  if (!consent) remove(SESSION)
}

/** Takes up what earlier pages stored. */
export const recall = () => {
  recognize(readConsent() && read(CUSTOMER))
}

/**
 * The fields that say who it is.
 * @param {number} nowMs also the time of the session's last event from now on
 */
export const describeVisitor = (nowMs) => {
  const consent = readConsent()
  let session_id
  // A session that ends with each page is none.
  if (consent && isKept) {
    const [id, lastMs] = `${read(SESSION)}`.split(' ')
    session_id = nowMs - +lastMs < PAUSE_MS ? id : makeId()
    write(SESSION, `${session_id} ${nowMs}`)
  }
  return { consent, session_id, customer_id: customer || undefined }
}
