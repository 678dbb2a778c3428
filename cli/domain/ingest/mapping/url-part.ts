/**
 * Parts of URLs, and one spelling for each path: what a browser shows as `/päge` is `/p%C3%A4ge`,
 * whether it came from a URL or from a column of paths.
 */

/** The part of a URL to take: its path, its host, or a query parameter. */
export type UrlPart = 'path' | 'host' | { readonly query: string }

/**
 * Returns the part; undefined if the text has none. A URL has a scheme and a host, such as
 * `https://shop.example/p`, or is a path that begins with `/`. Other text is not a URL.
 */
export function readUrlPart(text: string, part: UrlPart): string | undefined {
  const url = parseUrl(text.trim())
  if (url === undefined) return undefined
  if (part === 'path') return normalizePath(url.pathname)
  if (part === 'host') return url.host === NO_HOST ? undefined : url.host || undefined
  return url.searchParams.get(part.query) || undefined
}

/** Whether `readUrlPart` takes the text for a URL. */
export function isUrl(text: string): boolean {
  return parseUrl(text.trim()) !== undefined
}

/** Stands for the host that a bare path doesn't have. */
const NO_HOST = 'host.invalid'

function parseUrl(text: string): URL | undefined {
  if (!/^(?:[a-z][a-z0-9+.-]*:\/\/|\/)/i.test(text)) return undefined
  const base = `http://${NO_HOST}`
  return URL.canParse(text, base) ? new URL(text, base) : undefined
}

/**
 * Percent-encodes a path as URLs have it, with capital hex digits; characters that need no encoding
 * are decoded (RFC 3986, 6.2.2). Text that doesn't begin with `/` is returned as it is.
 */
export function normalizePath(path: string): string {
  if (!path.startsWith('/')) return path
  if (/^[\w./~-]*$/.test(path)) return path
  return path
    .replace(/[^\x21-\x7e]|["<>`{}]/gu, (char) => encodeWhole(char))
    .replace(/%[0-9a-f]{2}/gi, (code) => {
      const char = String.fromCharCode(Number.parseInt(code.slice(1), 16))
      return /[\w.~-]/.test(char) ? char : code.toUpperCase()
    })
}

/** encodeURIComponent throws for half of a surrogate pair. */
function encodeWhole(char: string): string {
  return encodeURIComponent(/\p{Surrogate}/u.test(char) ? '\ufffd' : char)
}
