/** Values and names inside SQL text, for statements that cannot take parameters. */

/** A string literal of standard SQL: in single quotes, those inside doubled. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A name of standard SQL as it is written, upper and lower case kept: in double quotes. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
