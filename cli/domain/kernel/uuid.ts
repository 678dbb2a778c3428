/** UUIDs as the contract has them. */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether the text is a UUID in its canonical spelling, in lower case. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}
