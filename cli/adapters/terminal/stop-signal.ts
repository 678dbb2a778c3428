/** When a command has to stop: on a signal, or because nobody reads stdout any more (`| head`). */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** npm and `timeout` deliver one Ctrl-C twice; only a later signal means "stop now". */
const SAME_SIGNAL_MS = 500

/** Called when nobody reads stdout any more. */
const leaving = new Set<() => void>()

/** A request to stop, as long as it is not released. */
export interface Stop {
  readonly signal: AbortSignal
  /** From now on, signals do what they do by default. */
  release(): void
}

/**
 * Aborts at the first SIGINT, SIGTERM or SIGHUP, after `onSignal`, or when nobody reads stdout any
 * more. A second signal ends the process at once with exit code 130.
 */
export function watchSignals(onSignal: () => void): Stop {
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
 * From now on a closed stdout is not an error: it aborts all stop signals, or ends the process if
 * there are none.
 */
export function watchStdout(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    if (leaving.size === 0) process.exit()
    for (const leave of leaving) leave()
  })
}
