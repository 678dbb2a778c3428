/** What a Flink must have before anything is deployed to it. */
import { CcsError, EXIT } from '../../../domain/kernel/errors.ts'
import type { FlinkFacts } from './flink-cluster.ts'
import { findSetting, isTooOld, SAVEPOINTS, VERSION_MIN } from './needs.ts'

/** CCS_ENGINE_REFUSED, in one sentence, for a Flink that can't run jobs of ccs. */
export function requireUsableFlink({ version, settings, overview }: FlinkFacts): void {
  if (isTooOld(version))
    throw new CcsError(
      'CCS_ENGINE_REFUSED',
      `The SQL Gateway is Flink ${version}; ccs needs ${VERSION_MIN} or newer.`,
      { exit: EXIT.usage, hint: 'Upgrade it: gateway, JobManager and TaskManagers alike.' },
    )
  if (overview.version !== version)
    throw new CcsError(
      'CCS_ENGINE_REFUSED',
      `The SQL Gateway is Flink ${version}, and its JobManager ${overview.version}.`,
      { exit: EXIT.usage, hint: 'Run both with the same version.' },
    )
  if (settings['execution.target'] === 'local')
    throw new CcsError(
      'CCS_ENGINE_REFUSED',
      'The SQL Gateway runs jobs in its own process (execution.target is local).',
      {
        exit: EXIT.usage,
        hint: 'Set execution.target: remote in its configuration, and restart it.',
      },
    )
  if (findSetting(settings, SAVEPOINTS) === undefined)
    throw new CcsError(
      'CCS_ENGINE_REFUSED',
      'Flink has no folder for savepoints (execution.checkpointing.savepoint-dir).',
      {
        exit: EXIT.usage,
        hint: 'Set it, and execution.checkpointing.dir, to storage that all its servers reach.',
      },
    )
}
