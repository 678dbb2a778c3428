/**
 * Keeps passwords out of messages, also those of an address that nobody can parse: what stands
 * before an `@` is never shown, nor the value of a key whose name says that it is secret.
 */

/** The name of a setting that holds a secret. */
export const SECRET_KEY = new RegExp(
  'pass(word|wd|phrase)|secret|token|credential|(access|private)[._-]?key|jaas|' +
    'basic\\.auth|user\\.info',
  'i',
)

const SECRET_VALUE = new RegExp(
  `(?:${SECRET_KEY.source})[\\w.-]*["']?\\s*[:=]\\s*["']?(?=\\S)`,
  'i',
)
/** Write keys of senders, in a map on one line. */
const KEYS_VALUE = /\bkeys["']?\s*:\s*(?=\S)/
const FIRST_KEY = /^[\s-]*["']?[\w.-]+["']?\s*[:=]\s+["']?/

/** `http://***@host` of an address; of several in one text, what follows the last `@`. */
export function redactAddress(text: string): string {
  const at = text.lastIndexOf('@')
  if (at < 0) return text
  const scheme = /^https?:\/\//i.exec(text)?.[0] ?? ''
  return `${scheme}***${text.slice(Math.max(at, scheme.length))}`
}

/** A line of a file with settings; what is left stays in its column. */
export function redactLine(line: string): string {
  const secret = SECRET_VALUE.exec(line) ?? KEYS_VALUE.exec(line)
  const shown = secret ? `${line.slice(0, secret.index + secret[0].length)}***` : line
  const start = FIRST_KEY.exec(shown)?.[0] ?? ''
  return start + redactAddress(shown.slice(start.length))
}

const SECRET_PART = new RegExp(
  `((?:${SECRET_KEY.source})[\\w.-]*["']?(?:\\s*[:=]\\s*|\\s+(?=["'])))` +
    `("[^"]*"?|'[^']*'?|[^\\s"',;)]+)`,
  'gi',
)
const ADDRESS_LOGIN = /(:\/\/)[^/\s'"]*@/g

/**
 * A text of any kind, such as SQL or a command: passwords in addresses, and what follows a name
 * such as `password`, are replaced. The rest stays, so that it can be read; it may hide too much.
 */
export function redactText(text: string): string {
  return text.replace(ADDRESS_LOGIN, '$1***@').replace(SECRET_PART, '$1***')
}
