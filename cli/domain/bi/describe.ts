/** An import's changes as lines for people. */
import { KIND_NAMES } from './assets.ts'
import { isSynced, type SyncItem, type SyncPlan } from './sync-plan.ts'

/** One line for each change; one in all if there is none. */
export function describeChanges(plan: SyncPlan): readonly string[] {
  const { create, update, remove, keep, unchanged } = plan
  const name = (one: SyncItem) => `${KIND_NAMES[one.kind]} ${one.name}`
  return [
    ...create.map((one) => `+ ${name(one)}`),
    ...update.map((one) => `~ ${name(one)}: ${one.keys.join(', ')}`),
    ...remove.map((one) => `- ${name(one)}`),
    ...keep.map((one) => `  ${name(one)} stays: ${one.neededBy.join(', ')} needs it`),
    isSynced(plan)
      ? `Superset has all ${unchanged} objects as the files say; nothing was changed.`
      : countChanges(plan),
  ]
}

function countChanges({ create, update, remove, unchanged }: SyncPlan): string {
  const changes = `${create.length} created, ${update.length} changed, ${remove.length} removed`
  return `${changes}, ${unchanged} as they were.`
}
