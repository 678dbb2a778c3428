/** Which of two processes the system prefers, as far as it can be told. */
import { readdirSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/**
 * Lets the process compute less than others; `nice` is 0 to 19, the least. Does nothing where the
 * system forbids it, or when the process has ended.
 */
export function lowerPriority(pid: number, nice: number): void {
  setPriorities(pid, nice)
}

/**
 * Lets this process compute before others; `nice` is -1 to -20, the most. Does nothing where the
 * system forbids it: on Linux to all but root and those with CAP_SYS_NICE.
 */
export function raisePriority(nice: number): void {
  setPriorities(process.pid, nice)
}

function setPriorities(pid: number, nice: number): void {
  for (const thread of listThreads(pid))
    try {
      setPriority(thread, nice)
    } catch {
      // The thread has ended, or may not have this priority.
    }
}

/** On Linux each thread has a priority of its own; others get that of their process. */
function listThreads(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    return [pid]
  }
}

/** When memory is short, Linux ends this process before others. */
export function endFirstWithoutMemory(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000')
  } catch {
    // No Linux, or the process has ended.
  }
}
