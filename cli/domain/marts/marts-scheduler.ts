/**
 * Builds the marts beside a running pipeline: when the first rows are in the lake, and then at fixed times
 * while new ones come. What goes wrong is said once, in one sentence, and never touches the pipeline.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import type { DbtResult } from './dbt.ts'

export interface MartsKeeperPorts {
  readonly clock: Clock
  /** Serial of the last commit with rows in Silver; 0 while there is none. */
  committedSerial(): number
  /** Ends soon after `stop` aborts, by CCS_DBT_STOPPED. */
  build(stop: AbortSignal): Promise<DbtResult>
  readonly onNotice: (text: string) => void
}

const POLL_MS = 1_000

/** Resolves when `stop` aborts, or when this machine can't build marts at all. Never rejects. */
export async function keepMarts(
  ports: MartsKeeperPorts,
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
      if (!ok)
        say(
          `The daily marts stay as they were: ${failures[0]?.message ?? 'dbt failed.'} See: ccs dbt build`,
        )
      else if (builtSerial === 0)
        say(`The daily marts are built (${marts?.models.length ?? 0} tables): ccs query --marts.`)
      else said = undefined
      if (ok) builtSerial = serial
    } catch (error) {
      if (!(error instanceof CcsError)) say(`The daily marts can't be built: ${String(error)}.`)
      else if (ENDS.includes(error.code)) {
        if (error.code !== 'CCS_DBT_STOPPED')
          say(`No daily marts: ${error.message} ${error.hint ?? ''}`)
        return
      } else if (error.code !== 'CCS_DBT_LOCKED') say(`No new daily marts: ${error.message}`)
    }
    await clock.sleep(Math.max(POLL_MS, startMs + everyMs - clock.nowMs()), stop)
  }
}

/** Trying again would not help. */
const ENDS = ['CCS_DBT_STOPPED', 'CCS_PYTHON_MISSING', 'CCS_VENV_FOREIGN', 'CCS_DBT_MISSING']
