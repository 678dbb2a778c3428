/** The memory of this machine. */
import { totalmem } from 'node:os'

/** Bytes that this process may use: those of the machine, or of its container. */
export function usableMemory(): number {
  // 0, or more than there is, without a limit.
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
