/** Makes all rows anew of a log from which records were erased, and removes the old ones. */
import { listNames } from '../../adapters/files/files.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { dataLayout, generationName, parseGenerationName } from '../../domain/lake/layout.ts'
import { removeUnreferencedState } from './checkpoint/state-files.ts'
import { describeLogLoss, findLogLoss } from './log-loss.ts'
import { adoptRows, type RebuildParts, rebuildFromLog } from './rebuild.ts'

/** CCS_PLAN_CHANGES if the log no longer has all that Bronze has: rows would be lost. */
export async function requireWholeLog({ store, topic }: RebuildParts): Promise<void> {
  const manifest = await store.manifests.load()
  const loss = manifest && (await findLogLoss(store, topic, manifest))
  if (!loss) return
  throw new CcsError('CCS_PLAN_CHANGES', `Rows can't be made anew: ${describeLogLoss(loss)}.`, {
    hint: `Put them back into the log first: ccs log repair${manifest.pruned ? ' --pruned' : ''}`,
  })
}

/** The caller holds the engine's lock. */
export async function rebuildErased(parts: RebuildParts): Promise<void> {
  const base = await parts.store.manifests.load()
  if (!base) return
  const built = await rebuildFromLog(parts, base)
  await adoptRows(parts, base.serial, {
    ...built,
    ...(base.gaps ? { gaps: base.gaps } : {}),
    hasErased: true,
  })
  await removeOldRows(parts)
}

/** At once, not after the time that readers of old rows usually have. */
export async function removeOldRows({ store }: Pick<RebuildParts, 'store'>): Promise<void> {
  const { files, root, manifests } = store
  const { generation, state = [] } = (await manifests.load()) ?? {}
  const { state: stateDir, stage, publishedJournal } = dataLayout(root)
  await removeUnreferencedState(files, stateDir, state)
  for (const name of await listNames(files, root)) {
    const other = parseGenerationName(name)
    const isOld = other !== undefined && name !== generationName(generation ?? -1)
    if (isOld || OF_OLD_ROWS.includes(name)) await files.remove(`${root}/${name}`)
  }
  await files.remove(stage)
  // It has keys of rows; without it, what Gold's topics have is compared.
  await files.remove(publishedJournal)
}

/** The daily marts, what queries spilled, and a rebuild that broke off. */
const OF_OLD_ROWS = ['marts', 'spill', 'tmp', 'rebuild']
