/**
 * Builds the marts beside a running pipeline: once the first rows are in the lake, then at fixed
 * intervals while new rows come. A failure is reported once and never affects the pipeline.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import type { DbtResult } from './run-dbt.ts'

/** What the scheduler needs from its surroundings. */
export interface MartsSchedulerPorts {
  readonly clock: Clock
  /** Serial of the last commit with rows in Silver; 0 while there is none. */
  committedSerial(): number
  /** Ends with CCS_DBT_STOPPED soon after `stop` aborts. */
  build(stop: AbortSignal): Promise<DbtResult>
  readonly onNotice: (text: string) => void
}

const POLL_MS = 1_000

/** Resolves when `stop` aborts, or if this machine can't build marts at all. Never rejects. */
export async function scheduleMarts(
  ports: MartsSchedulerPorts,
  everyMs: number,
  stop: AbortSignal,
): Promise<void> {
  const { clock } = ports
  let builtSerial = 0
  let said: string | undefined
  const say = (text: string) => {
    if (text !== said) ports.onNotice(text)
    said = text
  }
  while (!stop.aborted) {
    const startMs = clock.nowMs()
    if (ports.committedSerial() === builtSerial) {
      await clock.sleep(POLL_MS, stop)
      continue
    }
    try {
      const { ok, serial, failures, marts } = await ports.build(stop)
      if (!ok) {
        const reason = failures[0]?.message ?? 'dbt failed.'
        say(`The daily marts were not updated: ${reason} See: ccs dbt build`)
      } else if (builtSerial === 0)
        say(`The daily marts are built (${marts?.models.length ?? 0} tables): ccs query --marts.`)
      else said = undefined
      if (ok && serial !== null) builtSerial = serial
    } catch (error) {
      if (!(error instanceof CcsError)) say(`The daily marts can't be built: ${String(error)}.`)
      else if (FINAL_ERRORS.includes(error.code)) {
        if (error.code !== 'CCS_DBT_STOPPED')
          say(`No daily marts: ${error.message} ${error.hint ?? ''}`)
        return
      } else if (error.code !== 'CCS_DBT_LOCKED') say(`No new daily marts: ${error.message}`)
    }
    await clock.sleep(Math.max(POLL_MS, startMs + everyMs - clock.nowMs()), stop)
  }
}

/** Trying again would not help. */
const FINAL_ERRORS = [
  'CCS_DBT_STOPPED',
  'CCS_PYTHON_MISSING',
  'CCS_VENV_FOREIGN',
  'CCS_DBT_MISSING',
]
