/**
 * Makes a text from elsewhere harmless on a terminal. Control characters can move the cursor, set
 * the window's title or the clipboard, and bidirectional overrides reorder what a line seems to
 * say, so each is shown as the escape that JSON has for it.
 */

/** C0 with line ends and tabs, DEL, C1, and the overrides and isolates of bidirectional text. */
const CONTROLS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  /[\u0000-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * Writes each control character as `\u001b`, a line end as `\n`, a tab as `\t`. A JSON document
 * without line breaks between its parts stays valid and keeps its value. Idempotent.
 */
export function escapeControls(text: string): string {
  return text.replace(
    CONTROLS,
    (one) => SHORT[one] ?? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
