/**
 * Splits a stream of UTF-8 bytes into lines without their ends (`\n` or `\r\n`); the last line
 * needs none. Chunks may be cut anywhere, also inside a character. Throws RangeError for a line of
 * more than `charsMax`.
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
