/** The list of erased persons in a data directory, and a receipt of each erasure. */
import { randomBytes } from 'node:crypto'
import type { EraseReceipt } from '../../domain/erase/erase-person.ts'
import type { TopicsReceipt } from '../../domain/erase/erase-topics.ts'
import { ErasedIds, type ErasedList, parseErased } from '../../domain/erase/erased-ids.ts'
import type { Clock } from '../../domain/kernel/clock.ts'
import { asObject } from '../../domain/kernel/json.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import { type Files, isErrno, listNames, writeFileAtomic } from './files.ts'

/** An empty list with a new key if there is none. CCS_MANIFEST_INVALID: it is not ours. */
export async function loadErased(files: Files, root: string): Promise<ErasedList> {
  const path = dataLayout(root).erased
  try {
    return parseErased((await files.readFile(path)).toString('utf8'), path)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    return { format: 1, key: randomBytes(32).toString('base64'), ids: [] }
  }
}

/** Durable when it resolves. */
export async function saveErased(files: Files, root: string, list: ErasedList): Promise<void> {
  const text = `${JSON.stringify(list, null, 2)}\n`
  await writeFileAtomic(files, dataLayout(root).erased, Buffer.from(text))
}

/** What an intake asks; undefined: nobody was erased. */
export async function readErased(files: Files, root: string): Promise<ErasedIds | undefined> {
  const list = await loadErased(files, root)
  return list.ids.length === 0 ? undefined : new ErasedIds(list)
}

/** How often a changed list is looked for. */
const RELOAD_MS = 1_000

/** What a gate asks with each batch: whoever is erased meanwhile is refused without a restart. */
export function createErasedWatch(
  { files, root }: { readonly files: Files; readonly root: string },
  clock: Pick<Clock, 'elapsedMs'>,
): () => Promise<ErasedIds | undefined> {
  let known: { readonly ids: ErasedIds | undefined; readonly untilMs: number } | undefined
  return async () => {
    if (known !== undefined && clock.elapsedMs() < known.untilMs) return known.ids
    known = { ids: await readErased(files, root), untilMs: clock.elapsedMs() + RELOAD_MS }
    return known.ids
  }
}

/** Returns the path of the receipt. */
export async function saveReceipt(
  files: Files,
  root: string,
  receipt: EraseReceipt | TopicsReceipt,
): Promise<string> {
  const path = `${root}/erasures/${receipt.erased.replaceAll(':', '-')}.json`
  await files.mkdir(`${root}/erasures`)
  await writeFileAtomic(files, path, Buffer.from(`${JSON.stringify(receipt, null, 2)}\n`))
  return path
}

/**
 * Notes in each receipt whose old files are gone from S3 now when that was; `isGone` is asked with
 * the first generation of the lake that is without the person.
 */
export async function completeReceipts(
  files: Files,
  root: string,
  { nowMs, isGone }: { readonly nowMs: number; isGone(generation: number): boolean },
): Promise<void> {
  for (const name of await listNames(files, `${root}/erasures`)) {
    if (!name.endsWith('.json')) continue
    const path = `${root}/erasures/${name}`
    const receipt = asObject(JSON.parse((await files.readFile(path)).toString('utf8')))
    const copy = asObject(receipt.s3)
    if (copy.gone !== null || typeof copy.generation !== 'number') continue // has none, or is done
    if (!isGone(copy.generation)) continue
    const s3 = { ...copy, files: 0, gone: new Date(nowMs).toISOString(), problem: null }
    const text = `${JSON.stringify({ ...receipt, s3 }, null, 2)}\n`
    await writeFileAtomic(files, path, Buffer.from(text))
  }
}
