/** Groups of events on a real log whose writers fail, or are fewer when they are opened again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { diskFiles } from '../../../cli/adapters/files/files.ts'
import { openLocalLog } from '../../../cli/adapters/log/local-log.ts'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import { GroupCommit } from '../../../cli/domain/collector/group-commit.ts'
import type { LogWriter } from '../../../cli/domain/log/event-log.ts'
import { numberedRecord, readBack } from '../../fixtures/log-records.ts'

const VISITORS = 20

test('after a failed write, all events are written although the topic has fewer partitions', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'ccs-groups-'))
  const log = openLocalLog({ dir, files: diskFiles() })
  onTestFinished(async () => {
    await log.close()
    rmSync(dir, { recursive: true, force: true })
  })
  let partitions = [1, 2, 3]
  const opened: LogWriter[] = []
  const openWriters = async () => {
    const events = await Promise.all(partitions.map((one) => log.writer('events.raw', one, 'test')))
    opened.push(...events)
    const rejects = await log.writer('events.dlq', 0, 'test')
    const close = async () => {
      for (const one of [...events, rejects]) await one.close()
    }
    return { events, rejects, close }
  }
  const commit = await GroupCommit.open({ openWriters, clock: systemClock() })
  const add = () => {
    for (let i = 0; i < VISITORS; i++) commit.addEvent(`visitor-${i}`, numberedRecord(i))
    return commit.commit()
  }
  for (const one of opened) await one.close()
  await expect(add()).rejects.toThrow()
  expect(commit.hasJustFailed).toBe(true)
  partitions = [0]
  await add()
  expect(commit.hasJustFailed).toBe(false)
  await commit.close()
  expect((await readBack(log, 'events.raw')).records).toHaveLength(VISITORS)
})
