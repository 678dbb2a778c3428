/** Whether a disk has room left, looked at from time to time. */
import { openMachine } from '../process/machine.ts'
import { type RepeatedWork, repeatEach } from '../process/system-clock.ts'

const EVERY_MS = 1_000

/** Looks each second; `hasRoom` answers from the last look. A disk that can't be asked has room. */
export async function watchRoom(
  dir: string,
  bytesMin: number,
): Promise<RepeatedWork & { readonly hasRoom: () => boolean }> {
  const machine = openMachine()
  let hasRoom = true
  const look = async () => {
    const free = await machine.freeBytes(dir).catch(() => bytesMin)
    hasRoom = free >= bytesMin
  }
  await look()
  return { ...repeatEach(EVERY_MS, look), hasRoom: () => hasRoom }
}
