/**
 * A topic's schema against the versions that its records were written with: what a change breaks, by mode as
 * schema registries have them, with a place in the file for each break.
 */
import { canonicalizeSchema } from '../avro/schema.ts'
import { locateOffset } from '../documents/json-document.ts'
import type { Location } from '../kernel/errors.ts'
import { findStricterRules } from './diff.ts'
import { listFields } from './fields.ts'
import type { KeptSchema, TopicSchemas } from './history.ts'
import type { ResolutionFinding } from './resolution-finding.ts'
import { resolveSchemas } from './resolve.ts'
import { parseSchema, type Schema } from './tree.ts'

/** BACKWARD: the new schema reads old records · FORWARD: the old one reads new ones · FULL: both. */
export const COMPATIBILITY_MODES = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const

export type CompatibilityMode = (typeof COMPATIBILITY_MODES)[number]

export interface SchemaFinding {
  readonly rule: ResolutionFinding['rule'] | 'stricter'
  /** Such as `items[].sku`; '' is the record itself. */
  readonly path: string
  /** One sentence. */
  readonly message: string
  /** Who can't read the other's records, or reads them otherwise: the schema in force, or the kept one. */
  readonly reader: 'new' | 'old'
  /** Kept versions that it concerns, oldest first. */
  readonly versions: readonly number[]
  /** In the schema in force. */
  readonly location: Location
  /** In the newest of the kept versions. */
  readonly kept: Location
}

/** A field of the version before that the schema in force has no more, by its name. */
export interface RemovedField {
  readonly path: string
  /** The field that has it as an alias. */
  readonly renamedTo?: string
  /** Where it was. */
  readonly kept: Location
  readonly version: number
}

export interface TopicCheck {
  readonly topic: string
  /** Kept versions that differ from the schema in force and were compared with it. */
  readonly versions: readonly number[]
  /** Whether the newest kept version says what the schema in force says. */
  readonly isKept: boolean
  readonly breaks: readonly SchemaFinding[]
  readonly remarks: readonly SchemaFinding[]
  readonly removed: readonly RemovedField[]
}

/** Throws CCS_SCHEMA_INVALID for a text that is no schema. A topic without a schema in force has nothing to keep. */
export function checkTopic(
  { topic, current, kept }: TopicSchemas,
  mode: CompatibilityMode,
): TopicCheck {
  const nothing = { topic, versions: [], isKept: true, breaks: [], remarks: [], removed: [] }
  if (current === undefined) return nothing
  // One version that is the one in force: nothing to compare, and nothing to pay for.
  if (kept.length === 1 && kept[0]?.text === current.text) return nothing
  const newer = parseSchema(current)
  const text = canonicalizeSchema(current.text, current.file)
  const others = kept.filter((one) => canonicalizeSchema(one.text, one.file) !== text)
  const before = others.at(-1)
  const compared = mode.endsWith('_TRANSITIVE') ? others : others.slice(-1)
  const findings = compared.flatMap((one) => versionFindings(newer, one, mode))
  const merged = mergeVersions(findings)
  return {
    topic,
    versions: compared.map((one) => one.version),
    isKept: kept.at(-1) !== undefined && kept.at(-1) !== before,
    breaks: merged.filter((one) => one.isBreak).map(({ isBreak: _, ...one }) => one),
    remarks: merged.filter((one) => !one.isBreak).map(({ isBreak: _, ...one }) => one),
    removed: before === undefined ? [] : removedFields(newer, before),
  }
}

type ClassifiedFinding = SchemaFinding & { readonly isBreak: boolean }

function versionFindings(
  newer: Schema,
  kept: KeptSchema,
  mode: CompatibilityMode,
): readonly ClassifiedFinding[] {
  const older = parseSchema(kept)
  const judged: ClassifiedFinding[] = []
  const add = (one: ResolutionFinding, reader: 'new' | 'old', message: string): void => {
    const [newAt, oldAt] =
      reader === 'new' ? [one.readerAt, one.writerAt] : [one.writerAt, one.readerAt]
    judged.push({
      rule: one.rule,
      isBreak: one.isBreak,
      path: one.path,
      message,
      reader,
      versions: [kept.version],
      location: locateOffset(newer, newAt),
      kept: locateOffset(kept, oldAt),
    })
  }
  if (!mode.startsWith('FORWARD')) {
    for (const one of resolveSchemas(newer.type, older.type)) add(one, 'new', one.message)
    for (const { path, message, at } of findStricterRules(older, newer)) {
      const location = locateOffset(newer, at)
      const was = locateOffset(kept, older.type.at)
      const versions = [kept.version]
      judged.push({
        rule: 'stricter',
        isBreak: false,
        reader: 'new',
        path,
        message,
        versions,
        location,
        kept: was,
      })
    }
  }
  if (!mode.startsWith('BACKWARD'))
    for (const one of resolveSchemas(older.type, newer.type)) {
      const field = one.path === '' ? 'The record' : `Field ${one.path}`
      const message = `${one.message.replace(`${field} is new:`, `${field} is gone:`).replace(/\.$/, '')}; the reader is an old one.`
      // A remark on old readers is only news where it breaks them.
      if (one.isBreak) add(one, 'old', message)
    }
  return judged
}

/** What several versions have in common is told once. */
function mergeVersions(findings: readonly ClassifiedFinding[]): readonly ClassifiedFinding[] {
  const merged = new Map<string, ClassifiedFinding>()
  for (const one of findings) {
    const key = `${one.rule}\n${one.path}\n${one.message}`
    const known = merged.get(key)
    merged.set(key, { ...one, versions: [...(known?.versions ?? []), ...one.versions] })
  }
  return [...merged.values()]
}

function removedFields(newer: Schema, kept: KeptSchema): readonly RemovedField[] {
  const now = listFields(newer.type)
  const gone = listFields(parseSchema(kept).type).filter(
    (old) => !now.some((one) => one.path === old.path),
  )
  return gone
    .filter((one) => !gone.some((outer) => outer !== one && one.within.startsWith(outer.path)))
    .map(({ path, field, within }) => {
      const heir = now.find(
        (one) => one.within === within && one.field.aliases.includes(field.name),
      )
      return {
        path,
        kept: locateOffset(kept, field.at),
        version: kept.version,
        ...(heir === undefined ? {} : { renamedTo: heir.path }),
      }
    })
}
