/**
 * What all commands share: the global flags, how results, tables, progress and errors are printed, how a
 * signal drains. A command's `run()` returns its result, and that is exactly what `--json` prints.
 * Nothing heavy is imported here: start-up is paid by every command.
 */
import { Command, Config, Errors, Flags, flush, run, settings } from '@oclif/core'
import { CcsError, EXIT, type ExitCode } from './core/errors.ts'
import { didYouMean, nearest } from './core/suggest.ts'
import {
  type Column,
  errorDocument,
  errorLines,
  exactNumbers,
  type Style,
  tableLines,
} from './core/text.ts'
import { parseDurationMs } from './core/units.ts'
import { stopSignal, watchReader } from './io/stop-signal.ts'
import {
  ask,
  askText,
  type Progress,
  painterFor,
  SILENT,
  startProgress,
  stdoutDrained,
} from './io/terminal.ts'
import type { Project } from './project.ts'

/** `--for 20s`, `--for "2 minutes"`: a length of time, in ms. */
export const durationFlag = Flags.custom<number>({
  helpValue: '20s',
  parse: async (text) => {
    const ms = parseDurationMs(text)
    if (ms !== undefined) return ms
    throw new CcsError('CCS_USAGE_INVALID', `"${text}" is not a length of time.`, {
      exit: EXIT.usage,
      hint: 'Write a number and a unit: 500ms, 20s, 5min, 2h, 1d.',
    })
  },
})

/** `--target kafka`: for commands that work on one of ccs.yml's targets. */
export const targetFlag = Flags.string({
  summary: 'A target of ccs.yml; default: local.',
  env: 'CCS_TARGET',
  helpValue: 'NAME',
})

export abstract class CcsCommand<Result> extends Command {
  static override enableJsonFlag = true

  static override baseFlags = {
    data: Flags.string({
      summary: 'Directory of log, lake and state.',
      description: "Wins over the key `data` in ccs.yml, which is taken from the project's folder.",
      env: 'CCS_DATA_DIR',
      helpValue: 'DIR',
      helpGroup: 'GLOBAL',
    }),
    project: Flags.string({
      summary: 'Directory of the project; default: the nearest with a ccs.yml, upwards from here.',
      env: 'CCS_PROJECT_DIR',
      helpValue: 'DIR',
      helpGroup: 'GLOBAL',
    }),
  }

  #progress: Progress | undefined
  #isLineOpen = false
  #release: (() => void) | undefined

  /** The result is the document that `--json` prints. */
  abstract override run(): Promise<Result>

  /** The project that --project and --data choose, read from disk. */
  protected async loadProject(flags: {
    readonly project?: string | undefined
    readonly data?: string | undefined
    readonly target?: string | undefined
  }): Promise<Project> {
    const { findProject, loadProject } = await import('./project.ts')
    return loadProject(flags.project ?? findProject(process.cwd()), {
      env: process.env,
      ...(flags.data === undefined ? {} : { data: flags.data }),
      ...(flags.target === undefined ? {} : { target: flags.target }),
    })
  }

  /** Disk, memory and ports of this machine. */
  protected async machine() {
    const { thisMachine } = await import('./io/machine.ts')
    return thisMachine()
  }

  /** Columns that a table or a line may take: the terminal's, 80 elsewhere. */
  protected get width(): number {
    return process.stdout.isTTY ? Math.max(40, process.stdout.columns || 80) : 80
  }

  protected paint(style: Style, text: string): string {
    return painterFor(process.stdout)(style, text)
  }

  /** A line of the result for people; silent with --json. */
  protected print(line = ''): void {
    if (this.#isLineOpen) process.stderr.write('\r\u001B[K')
    this.#isLineOpen = false
    if (!this.jsonEnabled()) process.stdout.write(`${line}\n`)
  }

  /** The same, for output without end: waits while the reader of stdout is slower than the command. */
  protected async printPaced(line: string, stop: AbortSignal): Promise<void> {
    this.print(line)
    await stdoutDrained(stop)
  }

  /** A remark beside the result, on stderr; silent with --json. */
  protected note(line: string): void {
    if (this.jsonEnabled()) return
    process.stderr.write(`${this.#isLineOpen ? '\r\u001B[K' : ''}${line}\n`)
    this.#isLineOpen = false
  }

  protected printTable(columns: readonly Column[], rows: readonly object[]): void {
    const paint = painterFor(process.stdout)
    for (const line of tableLines(columns, rows, { width: this.width, paint })) this.print(line)
  }

  /** Draws a screen over the last one, each line with what was behind it erased: no flicker. */
  protected redraw(lines: readonly string[], isFirst: boolean): void {
    const frame = lines.map((line) => `${line}\u001B[K`).join('\n')
    process.stdout.write(`${isFirst ? '\u001B[2J' : ''}\u001B[H${frame}\n\u001B[J`)
  }

  /** How things are, on stderr: redrawn in place on a terminal, one line after another elsewhere. */
  protected statusLine(text: string): void {
    if (this.jsonEnabled()) return
    const { stderr } = process
    if (!stderr.isTTY) return void stderr.write(`${text}\n`)
    stderr.write(`\r\u001B[K${text.slice(0, Math.max(20, (stderr.columns || 80) - 1))}`)
    this.#isLineOpen = true
  }

  /** Whether a person says yes, or types `word`; false where nobody can be asked: with --json, without a terminal. */
  protected async confirm(question: string, word?: string): Promise<boolean> {
    if (this.jsonEnabled() || !process.stdin.isTTY || !process.stderr.isTTY) return false
    return word === undefined ? ask(question) : (await askText(`${question} `)) === word
  }

  /** Ends with this exit code after the result was printed, as a check that failed does. */
  protected exitWith(code: ExitCode): void {
    process.exitCode = code
  }

  /** One progress at a time; it ends by itself when the command does. */
  protected progress(label: string): Progress {
    this.#progress?.end()
    this.#progress = this.jsonEnabled() ? SILENT : startProgress(label)
    return this.#progress
  }

  /**
   * Aborts at the first SIGINT, SIGTERM or SIGHUP, or when the reader of stdout has gone: the command then
   * drains and returns. A second signal ends the process at once with 130.
   */
  protected untilSignal(): AbortSignal {
    const stop = stopSignal(() => {
      if (process.stderr.isTTY) this.note('Stopping; once more ends it at once.')
    })
    this.#release = stop.release
    return stop.signal
  }

  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, exactNumbers, 2)}\n`)
  }

  protected override async catch(thrown: unknown): Promise<void> {
    this.parsed = true // A failed parse is an answer too: no warning that nothing was parsed.
    this.#progress?.end()
    if (isExit(thrown)) throw thrown
    const flags = Object.keys({
      ...this.ctor.baseFlags,
      ...this.ctor.flags,
      json: true,
      help: true,
    })
    const command = this.id?.replaceAll(':', ' ') ?? ''
    report(asCcsError(thrown, { command, flags }), thrown, this.jsonEnabled())
  }

  protected override async finally(): Promise<void> {
    this.#progress?.end()
    this.#release?.()
  }
}

/** Runs the command line of this process; `url` is that of the file in bin/. */
export async function runCli(url: string): Promise<void> {
  // Compiled code only: a NODE_ENV of "test" or "development" must not make oclif transpile.
  settings.enableAutoTranspile = false
  const argv = process.argv.slice(2)
  const isJson = argv.includes('--json')
  watchReader()
  process.on('uncaughtException', (thrown) => {
    report(asCcsError(thrown), thrown, isJson)
    process.exit()
  })
  try {
    const config = await Config.load(url)
    try {
      await run(argv, config)
      await flush()
    } catch (thrown) {
      if (isExit(thrown)) process.exitCode = thrown.oclif.exit ?? 0
      else report(unknownCommand(thrown, config) ?? asCcsError(thrown), thrown, isJson)
    }
  } catch (thrown) {
    report(asCcsError(thrown), thrown, isJson)
  }
}

/** Prints an error, as a document on stdout with --json, and sets the exit code. */
function report(error: CcsError, thrown: unknown, isJson: boolean): void {
  process.exitCode = error.exit
  if (isJson) {
    const document = { error: errorDocument(error) }
    process.stdout.write(`${JSON.stringify(document, exactNumbers, 2)}\n`)
  } else process.stderr.write(`${errorLines(error, painterFor(process.stderr)).join('\n')}\n`)
  if (process.env.CCS_DEBUG === '1') {
    for (let cause = thrown; cause instanceof Error; cause = cause.cause)
      process.stderr.write(`${cause.stack}\n`)
  }
}

/** Anything thrown as the error that a person reads: oclif's usage errors, the disk's, and the unforeseen. */
export function asCcsError(
  thrown: unknown,
  context: { readonly command: string; readonly flags: readonly string[] } = {
    command: '',
    flags: [],
  },
): CcsError {
  if (thrown instanceof CcsError) {
    // oclif writes its own words around the message of an error thrown by a flag's parser.
    thrown.message = thrown.message
      .replace(/^Parsing --\S+\s+/, '')
      .replace(/\s*See more help with --help\s*$/, '')
    return thrown
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (thrown instanceof Errors.CLIError) {
    const text = message
      .replace(/\s*See more help with --help\s*$/, '')
      .replace(/^The following errors? occurred:\s*/, '')
      .replace(/\s*\n\s*/g, ' ')
    const unknown = /^Nonexistent flags?: --([\w-]+)/.exec(text)?.[1]
    const near = unknown === undefined ? undefined : nearest(unknown, context.flags)
    const help = `See: ccs ${context.command} --help`.replace('  ', ' ')
    return new CcsError('CCS_USAGE_INVALID', /[.!?]$/.test(text) ? text : `${text}.`, {
      exit: EXIT.usage,
      hint: near === undefined ? help : `Did you mean --${near}?`,
      cause: thrown,
    })
  }
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new CcsError('CCS_DISK_DENIED', `The disk refuses: ${message}.`, {
      hint: 'Give this user the right to that path, or choose another directory with --data.',
      cause: thrown,
    })
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new CcsError('CCS_DISK_FULL', `The disk is full: ${message}.`, {
      hint: 'Free some space and start again: what was committed is safe.',
      cause: thrown,
    })
  return new CcsError('CCS_UNEXPECTED', `Something went wrong inside ccs: ${message}`, {
    hint: 'Run it again with CCS_DEBUG=1 for the stack.',
    cause: thrown,
  })
}

function unknownCommand(thrown: unknown, config: Config): CcsError | undefined {
  const id = /^command (.+) not found$/.exec(thrown instanceof Error ? thrown.message : '')?.[1]
  if (id === undefined) return undefined
  const known = config.commands
    .filter((command) => !command.hidden)
    .map((command) => command.id.replaceAll(':', ' '))
  const name = id.replaceAll(':', ' ')
  return new CcsError('CCS_USAGE_INVALID', `"${name}" is not a command of ccs.`, {
    exit: EXIT.usage,
    hint: didYouMean(name, known),
  })
}

function isExit(thrown: unknown): thrown is InstanceType<typeof Errors.ExitError> {
  return thrown instanceof Errors.ExitError
}
