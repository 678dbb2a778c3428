/** Backups at a fixed pace; a failure is told once and never affects what runs beside. */
import type { Clock } from '../kernel/clock.ts'

/** What the schedule needs from its surroundings. */
export interface BackupSchedule {
  readonly clock: Clock
  readonly everyMs: number
  /** Takes one backup. */
  readonly take: () => Promise<void>
  readonly onNotice: (text: string) => void
}

/** Resolves when `stop` aborts. Never rejects. */
export async function scheduleBackups(
  { clock, everyMs, take, onNotice }: BackupSchedule,
  stop: AbortSignal,
): Promise<void> {
  let failure: string | undefined
  while (!stop.aborted) {
    const startMs = clock.nowMs()
    try {
      await take()
      if (failure !== undefined) onNotice('Backups succeed again.')
      failure = undefined
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      if (text !== failure) onNotice(`No backup was made: ${text} It is tried again.`)
      failure = text
    }
    await clock.sleep(Math.max(0, Math.min(everyMs, startMs + everyMs - clock.nowMs())), stop)
  }
}
