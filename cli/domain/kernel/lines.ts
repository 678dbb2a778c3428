/** Bytes as they come in from a stream, cut into lines of text. */

/**
 * Lines without their ends (`\n` or `\r\n`), the last one too when it has none. A character or an end of line
 * may be cut anywhere between chunks. Throws RangeError for a line of more than `charsMax`.
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  charsMax: number,
): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    const lines = decoder.decode(chunk, { stream: true }).split('\n')
    lines[0] = rest + (lines[0] ?? '')
    rest = lines.pop() ?? ''
    if (rest.length > charsMax) throw new RangeError('a line is too long')
    for (const line of lines) yield withoutReturn(line)
  }
  rest += decoder.decode()
  if (rest !== '') yield withoutReturn(rest)
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
