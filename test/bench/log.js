/** What compression makes of the log: bytes on the disk, and the CPU of compressing and of reading again. */
import { cp, readdir, rm, stat } from 'node:fs/promises'
import { generateHistory } from './batch.js'
import { abba, ccs, median } from './measure.js'
import { ROOT, sameLog } from './project.js'
import { goal, mb, number } from './report.js'

const PARTITION = 'log/events.raw-0'

export const log = {
  name: 'log',
  title: 'the log: bytes and CPU without compression and with it',
  events: { full: 1_000_000, quick: 200_000 },
  async run({ events, pairs, dir, say }) {
    const plain = `${dir}/plain`
    const packed = `${dir}/packed`
    say(`writing a log of ${number(events)} events`)
    await generateHistory(plain, events)
    await ccs(['run', '--once', '--data', plain])
    await closeLast(`${plain}/${PARTITION}`, events)
    await rm(packed, { recursive: true, force: true })
    await cp(plain, packed, { recursive: true, verbatimSymlinks: true })
    say('compressing')
    const compress = await ccs(['log', 'compress', '--data', packed])
    const verify = (data) => ccs(['log', 'verify', '--data', data])
    const verified = await abba(
      pairs,
      () => verify(plain),
      () => verify(packed),
    )
    const rebuild = async (data) => {
      say('all rows from the log')
      await sameLog(data, `${dir}/rebuilt`)
      return ccs(['run', '--once', '--data', `${dir}/rebuilt`])
    }
    const rebuilt = await abba(
      pairs,
      () => rebuild(plain),
      () => rebuild(packed),
    )
    const cpu = (runs, side) => median(runs.map((one) => one[side].cpuSeconds))
    const row = async (name, data, side, own) => ({
      log: name,
      MB: mb(await countBytes(`${data}/${PARTITION}`)),
      'compressing, CPU s': own,
      'log verify, CPU s': cpu(verified, side),
      'run --once of all of it, CPU s': cpu(rebuilt, side),
    })
    const [before, after] = [
      await countBytes(`${plain}/${PARTITION}`),
      await countBytes(`${packed}/${PARTITION}`),
    ]
    return {
      rows: [
        await row('as appended', plain, 'a', ''),
        await row('compressed', packed, 'b', compress.cpuSeconds),
      ],
      goals: [goal('times smaller', before / after, '>= 4')],
      notes: [],
    }
  },
}

/** Ends the last segment, as a day would. */
async function closeLast(dir, end) {
  const load = (path) => import(`${ROOT}/dist/adapters/${path}.js`)
  const [{ closeSegment }, { diskFiles }] = await Promise.all([
    load('log/close-segment'),
    load('files/files'),
  ])
  const partition = { topic: 'events.raw', partition: 0, dir }
  const isClosed = await closeSegment(diskFiles(), partition, await findEnd(dir, end))
  if (!isClosed) throw new Error(`${dir} is being written`)
}

async function findEnd(dir, events) {
  const { openLocalLog } = await import(`${ROOT}/dist/adapters/log/local-log.js`)
  const { diskFiles } = await import(`${ROOT}/dist/adapters/files/files.js`)
  const opened = openLocalLog({ dir: `${dir}/..`, files: diskFiles() })
  const { end } = await opened.range('events.raw', 0)
  await opened.close()
  if (end < events) throw new Error(`${dir} has ${end} records only`)
  return end
}

async function countBytes(dir) {
  let bytes = 0
  for (const name of await readdir(dir))
    if (name.endsWith('.log')) bytes += (await stat(`${dir}/${name}`)).size
  return bytes
}
