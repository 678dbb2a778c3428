/**
 * The terminal that this process writes to: whether it takes colours, a progress line on stderr,
 * questions, and whether the reader of stdout keeps up.
 */
import { createPainter, formatProgress, type Paint } from '../../domain/console/text.ts'

/** A progress line; nothing is shown in the first second. */
export interface Progress {
  update(done: number, total?: number): void
  /** Removes the line; may be called twice. */
  end(): void
}

/** Shows nothing. */
export const SILENT: Progress = { update: () => {}, end: () => {} }

const SHOW_AFTER_MS = 1000
const REDRAW_MS = 100
const LINE_EVERY_MS = 10_000

/** Colours on a terminal, unless NO_COLOR is set or TERM is dumb; FORCE_COLOR: on any stream. */
export function painterFor(stream: NodeJS.WriteStream): Paint {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return createPainter(false)
  if (FORCE_COLOR && FORCE_COLOR !== '0') return createPainter(true)
  return createPainter(stream.isTTY === true && TERM !== 'dumb')
}

/** On a terminal one line that is redrawn, else one line per ten seconds. */
export function startProgress(label: string): Progress {
  const stream = process.stderr
  const startMs = performance.now()
  let shownMs = startMs + SHOW_AFTER_MS - (stream.isTTY ? REDRAW_MS : LINE_EVERY_MS)
  let isDrawn = false
  return {
    update(done, total) {
      const nowMs = performance.now()
      if (nowMs - shownMs < (stream.isTTY ? REDRAW_MS : LINE_EVERY_MS)) return
      shownMs = nowMs
      const state = {
        label,
        done,
        elapsedMs: nowMs - startMs,
        ...(total === undefined ? {} : { total }),
      }
      const line = formatProgress(
        state,
        stream.isTTY ? Math.max(20, (stream.columns || 80) - 1) : 80,
      )
      stream.write(stream.isTTY ? `\r\u001B[K${line}` : `${line}\n`)
      isDrawn = stream.isTTY
    },
    end() {
      if (isDrawn) stream.write('\r\u001B[K')
      isDrawn = false
    },
  }
}

/** Asks on stderr, so that stdout stays the result; only y or yes means yes. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await askText(`${question} [y/N] `))
}

/** The typed answer, trimmed; '' for Ctrl-C. */
export async function askText(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
    return (await Promise.race([lines.question(question), closed])).trim()
  } finally {
    lines.close()
  }
}

/** Resolves when the reader of stdout has caught up, or when `stop` aborts. */
export async function waitForStdout(stop: AbortSignal): Promise<void> {
  const { stdout } = process
  if (!stdout.writableNeedDrain || stop.aborted) return
  await new Promise<void>((resolve) => {
    const done = () => {
      stdout.off('drain', done)
      stop.removeEventListener('abort', done)
      resolve()
    }
    stdout.on('drain', done)
    stop.addEventListener('abort', done)
  })
}
