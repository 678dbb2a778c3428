/**
 * The only place that writes to stdout and stderr. Whatever a line holds, no control character of
 * data passes: only tabs, the line ends between lines, and colours that `painterFor` has set, which
 * carry a number that data can't know.
 */
import { randomInt } from 'node:crypto'
import { escapeControls } from '../../domain/console/controls.ts'
import { createPainter, type Paint, replaceBigints } from '../../domain/console/text.ts'

/** Marks a colour code as ours: a terminal never gets this number. */
const OWN = String(randomInt(2 ** 40, 2 ** 47))
const KEPT = new RegExp(`(\\u001B\\[\\d+;${OWN}m|\\t)`)
const ERASE_LINE = '\r\u001B[K'

/** Colours on a terminal, unless NO_COLOR is set or TERM is dumb; FORCE_COLOR: on any stream. */
export function painterFor(stream: NodeJS.WriteStream): Paint {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return createPainter(false)
  if (FORCE_COLOR && FORCE_COLOR !== '0') return createPainter(true, OWN)
  return createPainter(stream.isTTY === true && TERM !== 'dumb', OWN)
}

/** A line as it may be written: see `escapeControls`; tabs and our own colours stay. */
export function cleanLine(line: string): string {
  return line
    .split(KEPT)
    .map((part, index) => (index % 2 === 0 ? escapeControls(part) : part.replace(`;${OWN}`, '')))
    .join('')
}

/** Writes each as a line of its own. */
export function writeLines(stream: NodeJS.WriteStream, lines: readonly string[]): void {
  stream.write(lines.map((line) => `${cleanLine(line)}\n`).join(''))
}

/** Writes a JSON document and a line end; bigints are written as `replaceBigints` says. */
export function writeJson(stream: NodeJS.WriteStream, document: unknown, indent: number): void {
  // A result may be undefined, which has no JSON.
  const text = JSON.stringify(document, replaceBigints, indent) ?? 'undefined'
  writeLines(stream, text.split('\n'))
}

/** Replaces the line that the cursor is in; it stays open. */
export function redrawLine(stream: NodeJS.WriteStream, line: string): void {
  stream.write(`${ERASE_LINE}${cleanLine(line)}`)
}

/** Removes a line that `redrawLine` has drawn. */
export function eraseLine(stream: NodeJS.WriteStream): void {
  stream.write(ERASE_LINE)
}

/** Draws a screen over the last one, each line with what was behind it erased: no flicker. */
export function drawScreen(
  stream: NodeJS.WriteStream,
  lines: readonly string[],
  isFirst: boolean,
): void {
  const frame = lines.map((line) => `${cleanLine(line)}\u001B[K`).join('\n')
  stream.write(`${isFirst ? '\u001B[2J' : ''}\u001B[H${frame}\n\u001B[J`)
}
