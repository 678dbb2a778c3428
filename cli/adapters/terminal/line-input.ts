/** Lines of stdin: edited and with a history on a terminal, else as they are piped in. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { escapeControls } from '../../domain/console/controls.ts'
import { writeLines } from './screen.ts'

/** Where a shell gets its lines from. */
export interface LineInput {
  /** Somebody types: stdin and a stream for answers are a terminal. */
  readonly isTerminal: boolean
  /** Until the end of the input or Ctrl-D; can be read once. */
  readonly lines: AsyncIterable<string>
  /** Asks for the next line; does nothing without a terminal. */
  prompt(text: string): void
  /** Discards the line being typed. */
  clear(): void
  close(): Promise<void>
}

/** Settings of an input from a terminal. */
export interface LineInputOptions {
  readonly historyFile: string
  /** Ctrl-C on a terminal. */
  readonly onInterrupt: () => void
}

const HISTORY_MAX = 1_000

/** Reads stdin; prompts go to stdout, or to stderr if stdout is a pipe. */
export async function openLineInput(options: LineInputOptions): Promise<LineInput> {
  const { stdin, stdout, stderr } = process
  // Even if stdout is a pipe, a person can type.
  const output = stdout.isTTY ? stdout : stderr
  const isTerminal = stdin.isTTY === true && output.isTTY === true
  if (!isTerminal) return openPipedInput(createInterface({ input: stdin }))
  const { historyFile, onInterrupt } = options
  const lines = createInterface({
    input: stdin,
    output,
    terminal: true,
    history: await readHistory(historyFile),
    historySize: HISTORY_MAX,
    removeHistoryDuplicates: true,
  })
  let saved: Promise<void> = Promise.resolve()
  lines.on('history', (history: string[]) => {
    const newestFirst = [...history]
    saved = saved.then(() => saveHistory(historyFile, newestFirst))
  })
  lines.on('SIGINT', onInterrupt)
  return {
    isTerminal,
    lines: queueLines(lines),
    prompt: (text) => {
      lines.setPrompt(escapeControls(text))
      lines.prompt()
    },
    clear: () => {
      for (const name of ['e', 'u']) lines.write(null, { ctrl: true, name })
      writeLines(output, ['^C'])
    },
    close: async () => {
      lines.close()
      await saved
    },
  }
}

function openPipedInput(lines: Interface): LineInput {
  return {
    isTerminal: false,
    lines: queueLines(lines),
    prompt: () => {},
    clear: () => {},
    close: async () => lines.close(),
  }
}

/** Lines that arrive while one is processed wait. */
function queueLines(lines: Interface): AsyncIterable<string> {
  const waiting: string[] = []
  let isClosed = false
  let wake = () => {}
  lines.on('line', (line) => {
    waiting.push(line)
    wake()
  })
  lines.on('close', () => {
    isClosed = true
    wake()
  })
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) yield line
        if (isClosed) return
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}

/** Newest first; empty without a file. */
async function readHistory(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .reverse()
}

/** If the folder can't be written, only the history is lost. */
async function saveHistory(file: string, newestFirst: readonly string[]): Promise<void> {
  const text = [...newestFirst].reverse().map((line) => `${line}\n`)
  try {
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, text.join(''), { mode: 0o600 })
  } catch {
    // The history is a convenience.
  }
}
