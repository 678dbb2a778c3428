/** When the newest record of those read so far was appended. */
import type { LogFrame } from '../log/event-log.ts'

/** `knownMs` is of the frames before; all times are ms since 1970. */
export function findNewestAppend(
  frames: readonly Pick<LogFrame, 'appendMs'>[],
  knownMs: number,
  nowMs: number,
): number {
  // One in the future comes from a clock that has been put right since.
  const from = knownMs <= nowMs ? knownMs : 0
  return frames.reduce((newest, { appendMs }) => Math.max(newest, appendMs), from)
}
