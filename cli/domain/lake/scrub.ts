/**
 * The scrub: while an engine has nothing else to do, it reads every file of the data directory
 * slowly and compares it with its checksums, so that damage is found while other copies of the rows
 * still exist. It goes through the files in the order of their paths and remembers how far it is.
 */
import type { Clock } from '../kernel/clock.ts'
import { formatBytes } from '../kernel/units.ts'
import { REPAIR_COMMAND } from './damage.ts'
import { waitForTurn } from './idle-pace.ts'

/** A file to check. */
export interface ScrubPart {
  /** Its path below the data directory. */
  readonly path: string
  readonly bytes: number
  /** Half a sentence on its damage; undefined: it is intact. Reads through the scrub's pace. */
  check(): Promise<string | undefined>
}

/** Damage that the scrub has found and that is still there as far as it knows. */
export interface ScrubDamage {
  readonly file: string
  readonly fault: string
  /** ms since 1970. */
  readonly foundMs: number
}

/** What survives a restart. */
export interface ScrubProgress {
  /** When the present pass began, or the last one if none is under way; ms since 1970. */
  readonly startedMs: number
  /** When the last full pass ended; null: there was none. */
  readonly endedMs: number | null
  /** The last file that the present pass has checked; '': none is under way. */
  readonly cursor: string
  readonly damaged: readonly ScrubDamage[]
}

/** What `ccs status` shows. */
export interface ScrubStatus {
  /** End of the last full pass, ISO 8601; null: there was none. */
  readonly lastEnd: string | null
  /** Begin of the pass that is under way; null: none is. */
  readonly started: string | null
  /** Bytes that this pass has checked, of how many; 0 if none is under way or no engine runs. */
  readonly doneBytes: number
  readonly totalBytes: number
  readonly damaged: readonly { readonly file: string; readonly fault: string; found: string }[]
}

/** Where the scrub reads, and how it is slowed down. */
export interface ScrubPorts {
  readonly clock: Clock
  /** `pace` is awaited before each read, with its bytes; it rejects when the scrub stops. */
  list(pace: (bytes: number) => Promise<void>): Promise<readonly ScrubPart[]>
  /** Kept in the data directory; neither fails. */
  readonly progress: {
    load(): Promise<ScrubProgress | undefined>
    save(progress: ScrubProgress): Promise<void>
  }
  /** Whether the engine has read all of the log. */
  readonly isIdle: () => boolean
  /** Gets a sentence for the user. */
  readonly onNotice: (text: string) => void
}

/** Bytes for each second. */
const RATE_BYTES = 4 * 1024 * 1024
/** From the begin of a pass to that of the next, unless it takes longer. */
const PASS_MS = 86_400_000
/** After a start other things come first. */
const START_MS = 10_000
const WAIT_MS = 60_000
const SAVE_MS = 30_000

const NEVER: ScrubProgress = { startedMs: 0, endedMs: null, cursor: '', damaged: [] }

/** One scrub of a running engine. It never ends the engine. */
export class Scrub {
  readonly #ports: ScrubPorts
  #progress: ScrubProgress | undefined
  #doneBytes = 0
  #totalBytes = 0
  #startedMs = 0
  #savedMs = 0
  readonly #reported = new Set<string>()

  constructor(ports: ScrubPorts) {
    this.#ports = ports
  }

  /** How far it is; before it has begun, how far the last one came. */
  async status(): Promise<ScrubStatus> {
    const progress = this.#progress ?? (await this.#ports.progress.load())
    return describeScrub(progress, { doneBytes: this.#doneBytes, totalBytes: this.#totalBytes })
  }

  /** Runs until `stop` aborts; never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock, progress } = this.#ports
    await clock.sleep(START_MS, stop)
    if (stop.aborted) return
    this.#progress = (await progress.load()) ?? NEVER
    while (!stop.aborted) {
      if (!this.#isDue(this.#progress)) await clock.sleep(WAIT_MS, stop)
      else if (!(await this.#pass(stop))) await clock.sleep(WAIT_MS, stop)
    }
    await progress.save(this.#progress)
  }

  #isDue({ cursor, startedMs }: ScrubProgress): boolean {
    const nowMs = this.#ports.clock.nowMs()
    return cursor !== '' || nowMs - startedMs >= PASS_MS || nowMs < startedMs
  }

  /** Goes on with a pass, or begins one; false: files can't be listed now. */
  async #pass(stop: AbortSignal): Promise<boolean> {
    const { clock } = this.#ports
    const progress = this.#progress ?? NEVER
    this.#startedMs = progress.cursor === '' ? clock.nowMs() : progress.startedMs
    const parts = await this.#list(stop)
    if (!parts) return false
    const named = new Set(parts.map(({ path }) => path))
    const damaged = progress.damaged.filter(({ file }) => named.has(file))
    this.#progress = { ...progress, damaged }
    this.#totalBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0)
    const left = parts.filter(({ path }) => path > progress.cursor)
    this.#doneBytes = this.#totalBytes - left.reduce((sum, { bytes }) => sum + bytes, 0)
    for (const part of left) {
      const fault = await checkPart(part)
      if (stop.aborted) return true
      await this.#note(part, fault, stop)
      this.#doneBytes += part.bytes
      if (clock.elapsedMs() - this.#savedMs > SAVE_MS) await this.#save()
    }
    const times = { startedMs: this.#startedMs, endedMs: clock.nowMs() }
    this.#progress = { ...this.#progress, ...times, cursor: '' }
    this.#doneBytes = 0
    this.#totalBytes = 0
    await this.#save()
    return true
  }

  async #save(): Promise<void> {
    this.#savedMs = this.#ports.clock.elapsedMs()
    if (this.#progress) await this.#ports.progress.save(this.#progress)
  }

  async #list(stop: AbortSignal): Promise<readonly ScrubPart[] | undefined> {
    try {
      const parts = await this.#ports.list((bytes) => this.#pace(bytes, stop))
      return parts.toSorted((a, b) => (a.path < b.path ? -1 : 1))
    } catch {
      return undefined // the engine itself meets what is wrong with the disk
    }
  }

  async #pace(bytes: number, stop: AbortSignal): Promise<void> {
    await waitForTurn({ ...this.#ports, rateBytes: RATE_BYTES }, bytes, stop)
  }

  async #note({ path, bytes }: ScrubPart, fault: string | undefined, stop: AbortSignal) {
    const { clock, onNotice } = this.#ports
    const { damaged, endedMs } = this.#progress ?? NEVER
    const reached = { startedMs: this.#startedMs, endedMs, cursor: path }
    const known = damaged.find(({ file }) => file === path)
    const others = damaged.filter(({ file }) => file !== path)
    // A commit, a compaction or a retention may have removed the file since it was listed.
    const isNamed = async () => (await this.#list(stop))?.some((one) => one.path === path) ?? true
    if (fault === undefined || !(await isNamed())) {
      this.#progress = { ...reached, damaged: others }
      return
    }
    const found = { file: path, fault, foundMs: known?.foundMs ?? clock.nowMs() }
    this.#progress = { ...reached, damaged: [...others, found] }
    if (this.#reported.has(path)) return
    this.#reported.add(path)
    const fix = path.startsWith('log/') ? 'ccs log repair' : REPAIR_COMMAND
    onNotice(`Damage: ${path} (${formatBytes(bytes)}) ${fault}. To repair it: ${fix}`)
    await this.#save()
  }
}

/** Whatever keeps a file from being read is its damage. */
async function checkPart(part: ScrubPart): Promise<string | undefined> {
  try {
    return await part.check()
  } catch (error) {
    return `cannot be read: ${error instanceof Error ? error.message : error}`
  }
}

/** The status of a scrub, or of one that was interrupted. */
export function describeScrub(
  progress: ScrubProgress | undefined,
  { doneBytes, totalBytes } = { doneBytes: 0, totalBytes: 0 },
): ScrubStatus {
  const { startedMs, endedMs, cursor, damaged } = progress ?? NEVER
  const toIso = (ms: number) => new Date(ms).toISOString()
  return {
    lastEnd: endedMs === null ? null : toIso(endedMs),
    started: cursor === '' ? null : toIso(startedMs),
    doneBytes,
    totalBytes,
    damaged: damaged.map(({ file, fault, foundMs }) => ({ file, fault, found: toIso(foundMs) })),
  }
}
