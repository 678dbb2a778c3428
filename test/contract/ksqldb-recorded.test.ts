/**
 * The client of ksqlDB against answers that a real server gave (test/fixtures/ksqldb; the head of each file says
 * which, and when). A request that was not recorded fails the test, and so does one that is missing.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openKsql } from '../../cli/engines/ksqldb/client/client.ts'
import { type Recording, replay } from '../fixtures/exchanges.ts'
import { SCENARIOS } from '../fixtures/ksqldb-scenarios.ts'

test.each(SCENARIOS.map((one) => [one.says, one] as const))('%s', async (_says, { file, run }) => {
  const recorded = await replay(readRecording(file))
  try {
    await run(openKsql({ url: recorded.url }, { pollMs: 1 }))
    expect(recorded.strays).toEqual([])
    expect(recorded.left()).toEqual([])
  } finally {
    await recorded.close()
  }
})

function readRecording(file: string): Recording {
  const path = `${import.meta.dirname}/../fixtures/ksqldb/${file}.json`
  return JSON.parse(readFileSync(path, 'utf8')) as Recording // written by the recorder
}
