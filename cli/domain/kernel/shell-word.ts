/** Words of commands that are shown to be copied into a shell. */

/** The text as one word of a POSIX shell, in quotes if it needs them: nothing in it is run. */
export function quoteShellWord(text: string): string {
  return /^[\w.,:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
