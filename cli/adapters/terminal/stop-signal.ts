/**
 * When a command has to stop: a signal was sent, or the reader of stdout has gone (`| head`).
 */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** npm and `timeout` deliver one Ctrl-C twice; only a later signal means "now!". */
const SAME_SIGNAL_MS = 500

/** Who wants to know that nobody reads stdout any more. */
const leaving = new Set<() => void>()

export interface Stop {
  readonly signal: AbortSignal
  /** From now on signals do what they do by default. */
  release(): void
}

/**
 * Aborts at the first SIGINT, SIGTERM or SIGHUP, after `onSignal`, or when the reader of stdout has gone. A
 * second signal ends the process at once with 130.
 */
export function stopSignal(onSignal: () => void): Stop {
  const controller = new AbortController()
  let firstMs: number | undefined
  const stop = () => {
    if (firstMs === undefined) {
      firstMs = performance.now()
      onSignal()
      controller.abort()
    } else if (performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(130)
  }
  const leave = () => controller.abort()
  for (const signal of SIGNALS) process.on(signal, stop)
  leaving.add(leave)
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of SIGNALS) process.off(signal, stop)
      leaving.delete(leave)
    },
  }
}

/**
 * From now on a reader of stdout that goes is no error: it aborts the stop signals, or ends the process when
 * there are none.
 */
export function watchReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    if (leaving.size === 0) process.exit()
    for (const leave of leaving) leave()
  })
}
