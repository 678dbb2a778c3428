/**
 * What all commands share: global flags; printing of results, tables, progress and errors; draining
 * on a signal. A command's `run()` returns its result, which is exactly what `--json` prints.
 * Import nothing heavy here: every command pays for it when it starts.
 */
import { Command, Config, Errors, Flags, flush, run, settings } from '@oclif/core'
import { usableMemory } from './adapters/process/memory.ts'
import { systemClock } from './adapters/process/system-clock.ts'
import {
  drawScreen,
  eraseLine,
  painterFor,
  redrawLine,
  writeJson,
  writeLines,
} from './adapters/terminal/screen.ts'
import { watchSignals, watchStdout } from './adapters/terminal/stop-signal.ts'
import {
  askText,
  confirm,
  type Progress,
  SILENT,
  startProgress,
  waitForStdout,
} from './adapters/terminal/terminal.ts'
import { report, toCcsError, unknownCommandError } from './command-errors.ts'
import {
  type Column,
  formatError,
  formatTable,
  type Style,
  wrapLine,
} from './domain/console/text.ts'
import { CcsError, type ExitCode } from './domain/kernel/errors.ts'
import { parseDurationMs } from './domain/kernel/units.ts'
import type { Project } from './project.ts'

/** A flag for a length of time such as `--for 20s` or `--for "2 minutes"`; its value is in ms. */
export const durationFlag = Flags.custom<number>({
  helpValue: '20s',
  parse: async (text) => {
    const ms = parseDurationMs(text)
    if (ms !== undefined) return ms
    throw new CcsError('CCS_USAGE_INVALID', `"${text}" is not a length of time.`, {
      hint: 'Write a number and a unit: 500ms, 20s, 5min, 2h, 1d.',
    })
  },
})

/** The flag `--target NAME` of commands that work on a target of ccs.yml. */
export const targetFlag = Flags.string({
  summary: 'A target of ccs.yml; default: local.',
  env: 'CCS_TARGET',
  helpValue: 'NAME',
})

/** The base class of all commands; `Result` is their `--json` document. */
export abstract class CcsCommand<Result> extends Command {
  static override enableJsonFlag = true

  /** It writes files of the project, which get the user's usual permissions, not private ones. */
  protected readonly writesSources: boolean = false

  /** The clock of use cases. */
  protected readonly clock = systemClock()

  static override baseFlags = {
    data: Flags.string({
      summary: 'Directory of log, lake and state, instead of `data` in ccs.yml.',
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
  #isStreaming = false
  #release: (() => void) | undefined

  /** The result is the document that `--json` prints. */
  abstract override run(): Promise<Result>

  /** The project that --project and --data choose, read from disk. */
  protected async loadProject(flags: {
    readonly project?: string | undefined
    readonly data?: string | undefined
    readonly target?: string | undefined
  }): Promise<Project> {
    const { findProject, loadEnvironment, loadProject } = await import('./project.ts')
    const { refuseOnCluster } = await import('./domain/config/cluster-commands.ts')
    const dir = flags.project ?? findProject(process.cwd())
    const project = await loadProject(dir, {
      ...{ env: loadEnvironment(dir), memoryBytes: usableMemory() },
      ...(flags.data === undefined ? {} : { data: flags.data }),
      ...(flags.target === undefined ? {} : { target: flags.target }),
    })
    refuseOnCluster(this.id ?? '', project.target)
    // Before anything is created: it holds for DuckDB and dbt too.
    if (project.config.dataMode === 'private' && !this.writesSources) process.umask(0o077)
    return project
  }

  /** Disk, memory and ports of this machine. */
  protected async machine() {
    const { openMachine } = await import('./adapters/process/machine.ts')
    return openMachine()
  }

  /** Prints all rows; into a file or a pipe without cutting anything. */
  protected printRows(columns: readonly Column[], rows: readonly object[]): void {
    if (this.jsonEnabled() && !this.#isStreaming) return
    const width = process.stdout.isTTY ? this.width : Number.POSITIVE_INFINITY
    const paint = painterFor(process.stdout)
    for (const line of formatTable(columns, rows, { width, paint })) this.print(line)
  }

  /** How many columns a line may take: the terminal's width, or 80 without a terminal. */
  protected get width(): number {
    return process.stdout.isTTY ? Math.max(40, process.stdout.columns || 80) : 80
  }

  protected paint(style: Style, text: string): string {
    return painterFor(process.stdout)(style, text)
  }

  /** Prints a line of the result for people; nothing with --json, unless JSON is streamed. */
  protected print(line = ''): void {
    this.printLines([line])
  }

  /** As `print`, for several lines; a line end inside one of them is escaped. */
  protected printLines(lines: readonly string[]): void {
    this.#endLine()
    if (!this.jsonEnabled() || this.#isStreaming) writeLines(process.stdout, lines)
  }

  #endLine(): void {
    if (this.#isLineOpen) eraseLine(process.stderr)
    this.#isLineOpen = false
  }

  /** As `printLines`, for endless output: waits while the reader of stdout is slower. */
  protected async printWithBackpressure(
    lines: string | readonly string[],
    stop: AbortSignal,
  ): Promise<void> {
    this.printLines([lines].flat())
    await waitForStdout(stop)
  }

  /** From now on --json prints a document per line, by `printDocument`, instead of the result. */
  protected streamJson(): void {
    this.#isStreaming = true
  }

  /** Prints a document on one line, and waits until the reader of stdout has caught up. */
  protected async printDocument(document: unknown, stop: AbortSignal): Promise<void> {
    writeJson(process.stdout, document, 0)
    await waitForStdout(stop)
  }

  /** Prints a remark to stderr; nothing with --json. */
  protected note(line: string): void {
    if (this.jsonEnabled()) return
    this.#endLine()
    writeLines(process.stderr, [line])
  }

  /** Says if a server could not have the port of ccs.yml, because it is taken. */
  protected notePort(wanted: number, url: string): void {
    if (wanted !== 0 && new URL(url).port !== String(wanted))
      this.note(`Port ${wanted} is taken by another program; the page is at ${url}`)
  }

  /** Prints an error to stderr without ending the command. */
  protected printError(error: CcsError): void {
    writeLines(process.stderr, formatError(error, painterFor(process.stderr)))
  }

  /** Prints plain text in lines that fit; all but the first are indented. */
  protected printWrapped(text: string, indent = 2): void {
    for (const line of wrapLine(text, this.width, indent)) this.print(line)
  }

  protected printTable(columns: readonly Column[], rows: readonly object[]): void {
    const paint = painterFor(process.stdout)
    for (const line of formatTable(columns, rows, { width: this.width, paint })) this.print(line)
  }

  /** Draws a screen over the last one, each line with what was behind it erased: no flicker. */
  protected redraw(lines: readonly string[], isFirst: boolean): void {
    drawScreen(process.stdout, lines, isFirst)
  }

  /**
   * Prints a status line to stderr: redrawn in place on a terminal, one line after another
   * elsewhere.
   */
  protected statusLine(text: string): void {
    if (this.jsonEnabled()) return
    const { stderr } = process
    if (!stderr.isTTY) return void writeLines(stderr, [text])
    redrawLine(stderr, text.slice(0, Math.max(20, (stderr.columns || 80) - 1)))
    this.#isLineOpen = true
  }

  /**
   * Asks for a yes, or for `word`. false with --json or without a terminal, where nobody can
   * answer.
   */
  protected async confirm(question: string, word?: string): Promise<boolean> {
    if (this.jsonEnabled() || !process.stdin.isTTY || !process.stderr.isTTY) return false
    return word === undefined ? confirm(question) : (await askText(`${question} `)) === word
  }

  /** Sets the exit code for a result that is printed all the same, such as a failed check. */
  protected exitWith(code: ExitCode): void {
    process.exitCode = code
  }

  /** Starts a progress bar in place of the last one; it ends with the command. */
  protected progress(label: string): Progress {
    this.#progress?.end()
    this.#progress = this.jsonEnabled() ? SILENT : startProgress(label)
    return this.#progress
  }

  /**
   * A signal that aborts at the first SIGINT, SIGTERM or SIGHUP, or when the reader of stdout is
   * gone; the command then drains and returns. A second signal ends the process at once, with exit
   * code 130.
   */
  protected abortOnSignal(): AbortSignal {
    const stop = watchSignals(() => {
      if (process.stderr.isTTY) this.note('Stopping… press Ctrl-C again to force quit.')
    })
    this.#release = stop.release
    return stop.signal
  }

  override logJson(json: unknown): void {
    if (this.#isStreaming) return
    writeJson(process.stdout, json, 2)
  }

  protected override async catch(thrown: unknown): Promise<void> {
    this.parsed = true // Parsing may have failed, but oclif must not warn that it was forgotten.
    this.#progress?.end()
    if (isExit(thrown)) throw thrown
    const own = { ...this.ctor.baseFlags, ...this.ctor.flags }
    const flags = [...Object.keys(own), 'json', 'help']
    const command = this.id?.replaceAll(':', ' ') ?? ''
    report(toCcsError(thrown, { command, flags }), thrown, {
      isJson: this.jsonEnabled(),
      isLine: this.#isStreaming,
    })
  }

  protected override async finally(): Promise<void> {
    this.#progress?.end()
    this.#release?.()
  }
}

/** Runs the command line of this process; `url` is the URL of the file in bin/. Never rejects. */
export async function runCli(url: string): Promise<void> {
  // Only compiled code runs: oclif must not transpile, whatever NODE_ENV says.
  settings.enableAutoTranspile = false
  const argv = process.argv.slice(2)
  const isJson = argv.includes('--json')
  watchStdout()
  process.on('uncaughtException', (thrown) => {
    report(toCcsError(thrown), thrown, { isJson })
    process.exit()
  })
  try {
    const config = await Config.load(url)
    try {
      await run(argv, config)
      await flush()
    } catch (thrown) {
      if (isExit(thrown)) process.exitCode = thrown.oclif.exit ?? 0
      else report(unknownCommandError(thrown, config) ?? toCcsError(thrown), thrown, { isJson })
    }
  } catch (thrown) {
    report(toCcsError(thrown), thrown, { isJson })
  }
}

function isExit(thrown: unknown): thrown is InstanceType<typeof Errors.ExitError> {
  return thrown instanceof Errors.ExitError
}
