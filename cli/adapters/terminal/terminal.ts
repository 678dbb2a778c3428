/**
 * What this process knows of the terminal it writes to: whether it takes colours, a line on stderr that tells
 * how far something long has come, and whether the reader of stdout keeps up.
 */
import { createPainter, formatProgress, type Paint } from '../../domain/console/text.ts'

/** Tells how far something long has come; nothing is shown in its first second. */
export interface Progress {
  update(done: number, total?: number): void
  /** Takes the line away; harmless when called twice. */
  end(): void
}

export const SILENT: Progress = { update: () => {}, end: () => {} }

const SHOW_AFTER_MS = 1000
const REDRAW_MS = 100
const LINE_EVERY_MS = 10_000

/** Colours for a terminal, unless NO_COLOR is set or TERM is dumb; FORCE_COLOR gives them to any stream. */
export function painterFor(stream: NodeJS.WriteStream): Paint {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return createPainter(false)
  if (FORCE_COLOR && FORCE_COLOR !== '0') return createPainter(true)
  return createPainter(stream.isTTY === true && TERM !== 'dumb')
}

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

/** Asks on stderr, so that stdout stays the result; anything but y or yes, and Ctrl-C, is no. */
export async function ask(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await askText(`${question} [y/N] `))
}

/** What is typed in answer, without blanks around it; '' for Ctrl-C. */
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

/** Resolves when the reader of stdout has caught up with what was written, or when `stop` aborts. */
export async function stdoutDrained(stop: AbortSignal): Promise<void> {
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
