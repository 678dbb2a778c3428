/**
 * The terminal that this process writes to: a progress line on stderr, questions, and whether the
 * reader of stdout keeps up.
 */
import { escapeControls } from '../../domain/console/controls.ts'
import { formatProgress } from '../../domain/console/text.ts'
import { eraseLine, redrawLine, writeLines } from './screen.ts'

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
      if (stream.isTTY) redrawLine(stream, line)
      else writeLines(stream, [line])
      isDrawn = stream.isTTY
    },
    end() {
      if (isDrawn) eraseLine(stream)
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
    return (await Promise.race([lines.question(escapeControls(question)), closed])).trim()
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
