/** Repeats a request to a server that fails now and then, and runs several at once. */
import type { Clock } from '../../kernel/clock.ts'
import { CcsError } from '../../kernel/errors.ts'

const ATTEMPTS_MAX = 6
const FIRST_MS = 100
const MOST_MS = 3_000

/** What waiting needs. */
export interface Waiting {
  readonly clock: Pick<Clock, 'sleep'>
  readonly signal?: AbortSignal | undefined
}

/** Whether the same call may succeed later. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof CcsError && error.code === 'CCS_S3_UNREACHABLE'
}

/** `run` must be harmless to repeat: it may have done its work although it failed. */
export async function tryAgain<T>({ clock, signal }: Waiting, run: () => Promise<T>): Promise<T> {
  let waitMs = FIRST_MS
  for (let attempt = 1; ; attempt++)
    try {
      return await run()
    } catch (error) {
      if (!isUnreachable(error) || attempt === ATTEMPTS_MAX || signal?.aborted) throw error
      await clock.sleep(waitMs, signal)
      waitMs = Math.min(MOST_MS, waitMs * 2)
    }
}

/**
 * Works on all items, `atOnce` of them at a time, in their order. After a failure no further item
 * is begun; what is under way ends first. Throws the first error.
 */
export async function runEach<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0
  let failure: { readonly error: unknown } | undefined
  const worker = async () => {
    while (!failure && next < items.length) {
      // There is one: `next` is below the length.
      const item = items[next++] as T
      try {
        await work(item)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  if (failure) throw failure.error
}
