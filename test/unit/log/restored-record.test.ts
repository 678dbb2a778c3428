/** Records that are made again: which of them become one frame. */
import { expect, test } from 'vitest'
import { packFrames, type RestoredRecord } from '../../../cli/domain/log/restored-record.ts'

function record(offset: number, appendMs: number, bytes = 4): RestoredRecord {
  return { offset, appendMs, bytes: Buffer.alloc(bytes, offset) }
}

async function pack(batches: readonly (readonly RestoredRecord[])[], breaks: number[] = []) {
  async function* read() {
    yield* batches
  }
  const frames: string[] = []
  for await (const { baseOffset, count, appendMs, body } of packFrames(read(), new Set(breaks))) {
    const last = body.readUInt8(body.length - 1)
    frames.push(`${baseOffset}+${count} at ${appendMs}, ends with ${last}`)
  }
  return frames
}

test('a frame has one append time, no hole, and may span batches', async () => {
  const first = [record(5, 100), record(6, 100), record(7, 101)]
  const second = [record(8, 101), record(10, 101)]
  expect(await pack([first, [], second])).toEqual([
    '5+2 at 100, ends with 6',
    '7+2 at 101, ends with 8',
    '10+1 at 101, ends with 10',
  ])
  expect(await pack([])).toEqual([])
})

test('a frame begins where a run of an import does, and after a megabyte', async () => {
  const records = [record(0, 1), record(1, 1), record(2, 1)]
  expect(await pack([records], [0, 2])).toEqual(['0+2 at 1, ends with 1', '2+1 at 1, ends with 2'])
  const large = [record(0, 1, 900_000), record(1, 1, 900_000), record(2, 1)]
  expect(await pack([large])).toEqual(['0+2 at 1, ends with 1', '2+1 at 1, ends with 2'])
})
