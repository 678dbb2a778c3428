import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitLines } from '../../../cli/domain/kernel/lines.ts'
import { extractPlace } from '../../../cli/engines/ksqldb/client/server-error.ts'

async function* inPieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0
  for (const cut of [...cuts, bytes.length]
    .map((one) => Math.min(one, bytes.length))
    .sort(ascending)) {
    yield bytes.subarray(from, cut)
    from = cut
  }
}

const ascending = (a: number, b: number) => a - b

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = []
  for await (const line of lines) found.push(line)
  return found
}

test('lines are split correctly wherever the network cuts them', async () => {
  const line = fc.string({ unit: 'grapheme' }).map((one) => one.replace(/[\r\n]/g, ''))
  const lines = fc.array(line, { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(
      lines,
      fc.array(fc.nat(200)),
      fc.constantFrom('\n', '\r\n'),
      async (some, cuts, end) => {
        const bytes = Buffer.from(some.map((one) => one + end).join(''))
        expect(await all(splitLines(inPieces(bytes, cuts), 1000))).toEqual(some)
      },
    ),
  )
})

test('a last line needs no line break, and an endless line is an error', async () => {
  const bytes = Buffer.from('[1]\n[2]')
  expect(await all(splitLines(inPieces(bytes, []), 10))).toEqual(['[1]', '[2]'])
  const endless = Buffer.alloc(100, 'x')
  await expect(all(splitLines(inPieces(endless, [50]), 40))).rejects.toThrow('a line is too long')
})

test('the place of an error is read from both wordings, and removed from its message', () => {
  const refusal = (message: string) => extractPlace({ status: 400, code: 40001, message })
  expect(refusal("line 3:15: Syntax Error\nExpecting {',', 'FROM'}")).toMatchObject({
    line: 3,
    column: 15,
    message: "Syntax Error\nExpecting {',', 'FROM'}",
  })
  expect(refusal("Line: 1, Col: 130: SELECT column 'NOPE' cannot be resolved.")).toMatchObject({
    line: 1,
    column: 130,
    message: "SELECT column 'NOPE' cannot be resolved.",
  })
  expect(refusal('A stream with the same name already exists')).not.toHaveProperty('line')
})
