/** What pseudonymises events: the classes of the newest schema, and the file of keys. */

import { parseRecordSchema } from '../../domain/avro/schema.ts'
import type { RegisteredSchema } from '../../domain/avro/schema-registry.ts'
import type { Config } from '../../domain/config/config.ts'
import type { Clock } from '../../domain/kernel/clock.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import { listClassifiedFields } from '../../domain/privacy/field-classes.ts'
import { createEventMask, type EventMask } from '../../domain/privacy/mask-event.ts'
import { requirePiiKeys } from '../../domain/privacy/pii-keys.ts'
import { Pseudonymiser, type PseudonymSource } from '../../domain/privacy/pseudonymiser.ts'
import type { Files } from './files.ts'
import { loadPiiKeys } from './pii-keys-file.ts'

/** undefined: no field has a class. Missing keys are an error only once a row needs them. */
export async function openPseudonymSource(
  { files, root }: { readonly files: Files; readonly root: string },
  { identity, pii }: Pick<Config, 'identity' | 'pii'>,
  schemas: readonly RegisteredSchema[],
): Promise<PseudonymSource | undefined> {
  const path = pii.keysFile ?? dataLayout(root).piiKeys
  const newest = schemas.at(-1)
  if (newest === undefined || pii.isOff) return undefined
  const fields = listClassifiedFields(parseRecordSchema(newest.schema, newest.subject))
  if (fields.length === 0) return undefined
  const loaded = await loadPiiKeys(files, path)
  const { placeholderIds } = identity
  const open = () =>
    new Pseudonymiser({ fields, placeholderIds, keys: requirePiiKeys(loaded, path) })
  return { fields, open }
}

/** How people see events; undefined: as they came, as no field has a class. */
export async function openEventMask(
  place: Parameters<typeof openPseudonymSource>[0],
  config: Pick<Config, 'identity' | 'pii'>,
  schemas: readonly RegisteredSchema[],
  onNotice: (text: string) => void,
): Promise<EventMask | undefined> {
  const source = await openPseudonymSource(place, config, schemas)
  if (source === undefined) return undefined
  try {
    return createEventMask(source.fields, source.open())
  } catch (error) {
    if (!(error instanceof CcsError) || error.code !== 'CCS_KEYS_INVALID') throw error
    onNotice('There are no keys for pseudonyms: fields with a class are left out. ccs pii rotate')
    return createEventMask(source.fields, undefined)
  }
}

/** How often a changed file of keys is looked for. */
const RELOAD_MS = 1_000

/**
 * What a gate asks with each batch: a key that follows is found without a restart. CCS_KEYS_INVALID
 * if fields are classified and there are no keys.
 */
export function createPseudonymWatch(
  store: { readonly files: Files; readonly root: string },
  config: Pick<Config, 'identity' | 'pii'>,
  clock: Pick<Clock, 'elapsedMs'>,
): (newest: RegisteredSchema) => Promise<Pseudonymiser | undefined> {
  let known: { readonly id: number; readonly untilMs: number; readonly made: Made } | undefined
  return async (newest) => {
    if (known?.id === newest.id && clock.elapsedMs() < known.untilMs) return known.made
    const made = (await openPseudonymSource(store, config, [newest]))?.open()
    known = { id: newest.id, untilMs: clock.elapsedMs() + RELOAD_MS, made }
    return made
  }
}

type Made = Pseudonymiser | undefined

/** Lists what stands for a field's value in rows. CCS_KEYS_INVALID without the keys. */
export async function openValueLister(
  ...[store, config, schemas]: Parameters<typeof openPseudonymSource>
): Promise<Pseudonymiser['listValues']> {
  const pseudonymiser = (await openPseudonymSource(store, config, schemas))?.open()
  return (name, value) => pseudonymiser?.listValues(name, value) ?? [value]
}
