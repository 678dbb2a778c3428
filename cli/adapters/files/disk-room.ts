/** Whether a disk has room left, looked at from time to time. */
import { statfs } from 'node:fs/promises'
import { sleep } from '../process/system-clock.ts'

const EVERY_MS = 1_000

/** Looks each second; `hasRoom` answers from the last look. A disk that can't be asked has room. */
export async function watchRoom(
  dir: string,
  bytesMin: number,
): Promise<{ readonly hasRoom: () => boolean; readonly end: () => Promise<void> }> {
  const ended = new AbortController()
  let hasRoom = true
  const look = async () => {
    const found = await statfs(dir).catch(() => undefined)
    hasRoom = found === undefined || found.bavail * found.bsize >= bytesMin
  }
  const run = async () => {
    while (!ended.signal.aborted) {
      await sleep(EVERY_MS, ended.signal)
      await look()
    }
  }
  await look()
  const running = run()
  return {
    hasRoom: () => hasRoom,
    end: () => {
      ended.abort()
      return running
    },
  }
}
