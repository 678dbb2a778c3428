/**
 * Commands that work on a data directory, and what to type instead on a target whose models run on
 * servers: the target's data directory is empty there, so that they would say what isn't so.
 */
import { CcsError } from '../kernel/errors.ts'
import { getEngineProfile } from './engines.ts'
import type { Target } from './target.ts'

type Instead = (target: string) => string

const DEPLOY: Instead = (target) =>
  `Deploy the models: ccs deploy --target ${target}. ` +
  `Events reach them through: ccs gate --target ${target}`
const SINKS: Instead = (target) =>
  `Kafka Connect writes its lake; see: ccs sink ls --target ${target}`
const BACKUP: Instead = () =>
  'Its rows are in Kafka and in the lake of its sinks: back them up there.'
const COMPARE: Instead = (target) =>
  `Compare them by: ccs query --target ${target} "SELECT * FROM gold.revenue_daily"`

/** By the first word of the command. */
const INSTEAD: Readonly<Record<string, Instead>> = {
  run: DEPLOY,
  up: DEPLOY,
  audit: COMPARE,
  verify: COMPARE,
  reconcile: COMPARE,
  why: (target) =>
    `Look for the event: ccs query --target ${target} "SELECT * FROM silver.events WHERE ` +
    `event_id = '…'". If it was rejected: ccs dlq ls --target ${target}`,
  backfill: (target) => `All its rows are built anew by: ccs deploy --rebuild --target ${target}`,
  lake: SINKS,
  backup: BACKUP,
}

/**
 * CCS_USAGE_INVALID for a command that needs rows in a data directory, on a target that has them on
 * servers.
 */
export function refuseOnCluster(command: string, { name, engine }: Target): void {
  const { isCompiled, isAudited, displayName } = getEngineProfile(engine)
  if (!isCompiled || (command === 'audit' && isAudited)) return
  const instead = INSTEAD[command.split(':')[0] ?? '']
  if (instead === undefined) return
  const typed = command.replaceAll(':', ' ')
  throw new CcsError(
    'CCS_USAGE_INVALID',
    `ccs ${typed} works on a data directory; the models of target ${name} run on ${displayName}.`,
    { hint: instead(name) },
  )
}
