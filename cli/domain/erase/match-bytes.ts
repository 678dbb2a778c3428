/**
 * Finds an id in bytes of any form: a record that could not be decoded, a rejected one, a row of a
 * topic. It counts only as a whole value, so that the id c1 is not found in c12.
 */

/** Whether the bytes have the id as a whole value: an Avro text, or between other characters. */
export function createIdMatcher(id: string): (bytes: Buffer) => boolean {
  const wanted = Buffer.from(id)
  const length = encodeLength(wanted.length)
  return (bytes) => {
    for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
      const start = at - length.length
      if (start >= 0 && bytes.compare(length, 0, length.length, start, at) === 0) return true
      if (!isWord(bytes[at - 1]) && !isWord(bytes[at + wanted.length])) return true
    }
    return false
  }
}

/** The length of a text in Avro: a zigzag varint. */
function encodeLength(length: number): Buffer {
  const bytes: number[] = []
  let rest = length * 2
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

/** A letter, digit, `_`, `-`, or a part of a character beyond ASCII. */
function isWord(byte: number | undefined): boolean {
  if (byte === undefined) return false
  return byte > 127 || byte === 45 || byte === 95 || /[0-9A-Za-z]/.test(String.fromCharCode(byte))
}
