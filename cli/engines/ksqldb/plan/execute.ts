/** Executes a statement of a deployment once, even if its answer is lost. */
import { sleep } from '../../../adapters/process/system-clock.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { toModelFile } from '../../../domain/models/model.ts'
import type { KsqlClient } from '../client/client.ts'
import type { Relation } from './relation.ts'

/** What a statement is executed with. */
export interface ExecuteParts {
  readonly client: Pick<KsqlClient, 'execute' | 'awaitReady'>
  /** Whose statement it is; an error points to the file of its model. */
  readonly relation: Relation | undefined
  /** Asks the server whether the statement was executed. */
  readonly isDone: () => Promise<boolean>
  /** How long to ask that after a lost answer. */
  readonly confirmMs: number
}

const ATTEMPTS_MAX = 3

/**
 * Sends a statement. If no answer comes, `isDone` is asked for `confirmMs`, and only then is the
 * statement sent again. An error of that second attempt is ignored if `isDone`, since the first may
 * have been executed late.
 */
export async function executeOnce(
  sql: string,
  { client, relation, isDone, confirmMs }: ExecuteParts,
): Promise<void> {
  const location = relation && { file: toModelFile(relation.model) }
  for (let attempt = 1; ; attempt++) {
    try {
      await client.execute(sql, {
        ...(relation ? { properties: relation.properties } : {}),
        ...(location ? { locate: () => location } : {}),
      })
      return
    } catch (error) {
      const isUnknown = error instanceof CcsError && error.code === 'CCS_ENGINE_UNREACHABLE'
      if (!isUnknown && attempt === 1) throw error
      await client.awaitReady()
      for (const end = Date.now() + confirmMs; Date.now() < end; await sleep(1_000))
        if (await isDone()) return
      if (attempt === ATTEMPTS_MAX) throw error
    }
  }
}
