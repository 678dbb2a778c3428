/** One statement of a deployment, carried out once, also where its answer was lost. */
import { sleep } from '../../../adapters/process/system-clock.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { modelFile } from '../../../domain/models/model.ts'
import type { KsqlClient } from '../client/client.ts'
import type { Relation } from './relation.ts'

export interface Carrying {
  readonly client: Pick<KsqlClient, 'execute' | 'ready'>
  /** Whose statement it is; its model's file is where a refusal points to. */
  readonly relation: Relation | undefined
  /** Whether it was carried out, by what is there. */
  readonly isDone: () => Promise<boolean>
  /** How long that is looked for. */
  readonly settleMs: number
}

const ATTEMPTS_MAX = 3

/**
 * Where no answer came, `isDone` says by what is there whether it was carried out; only what has not come about after
 * a while is sent again, and whether the server refuses that then does not matter.
 */
export async function execute(
  sql: string,
  { client, relation, isDone, settleMs }: Carrying,
): Promise<void> {
  const location = relation && { file: modelFile(relation.model) }
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
      await client.ready()
      for (const end = Date.now() + settleMs; Date.now() < end; await sleep(1_000))
        if (await isDone()) return
      if (attempt === ATTEMPTS_MAX) throw error
    }
  }
}
