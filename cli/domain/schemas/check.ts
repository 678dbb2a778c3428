/**
 * Compares a topic's schema with the versions that its records were written with, by the
 * compatibility modes of schema registries. Each break has its place in the file.
 */
import { canonicalizeJson, canonicalizeSchema } from '../avro/schema.ts'
import { locateOffset } from '../documents/yaml-document.ts'
import type { Location } from '../kernel/errors.ts'
import { findStricterRules } from './diff.ts'
import { listFields } from './fields.ts'
import type { Finding } from './finding.ts'
import type { KeptSchema, TopicSchemas } from './history.ts'
import { resolveSchemas } from './resolve.ts'
import { parseSchema, type Schema } from './tree.ts'

/**
 * BACKWARD: the new schema can read old records. FORWARD: the old schema can read new records.
 * FULL: both. Without _TRANSITIVE only the newest version counts.
 */
export const COMPATIBILITY_MODES = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const

/** One of COMPATIBILITY_MODES. */
export type CompatibilityMode = (typeof COMPATIBILITY_MODES)[number]

/** A break or a remark between the schema in force and kept versions. */
export interface SchemaFinding {
  readonly rule: Finding['rule'] | 'stricter'
  /** Such as `items[].sku`; '' for the record itself. */
  readonly path: string
  /** One sentence. */
  readonly message: string
  /**
   * The schema that can't read records of the other one: 'new' is the one in force, 'old' the kept
   * one.
   */
  readonly reader: 'new' | 'old'
  /** Numbers of the kept versions concerned, oldest first. */
  readonly versions: readonly number[]
  /** Place in the schema in force. */
  readonly location: Location
  /** Place in the newest of the kept versions concerned. */
  readonly kept: Location
}

/** A field of the newest other version whose name the schema in force no longer has. */
export interface RemovedField {
  readonly path: string
  /** The field that has the old name as an alias. */
  readonly renamedTo?: string
  /** Its place in the kept version. */
  readonly kept: Location
  readonly version: number
}

/** The comparison of a topic's schema with its history. */
export interface TopicCheck {
  readonly topic: string
  /**
   * Numbers of the kept versions that were compared: those that differ from the schema in force.
   */
  readonly versions: readonly number[]
  /** Whether the newest kept version is the schema in force. */
  readonly isKept: boolean
  readonly breaks: readonly SchemaFinding[]
  readonly remarks: readonly SchemaFinding[]
  readonly removed: readonly RemovedField[]
}

/**
 * Throws CCS_SCHEMA_INVALID for a text that is not a schema. Without a schema in force there are no
 * findings.
 */
export function checkTopic(
  { topic, current, kept }: TopicSchemas,
  mode: CompatibilityMode,
): TopicCheck {
  const nothing = { topic, versions: [], isKept: true, breaks: [], remarks: [], removed: [] }
  if (current === undefined) return nothing
  // The common case, without the cost of parsing with places.
  if (kept.length === 1 && isSameSchema(kept[0]?.text, current.text)) return nothing
  const newer = parseSchema(current)
  const text = canonicalizeSchema(current.text, current.file)
  const others = kept.filter((one) => canonicalizeSchema(one.text, one.file) !== text)
  const before = others.at(-1)
  const compared = mode.endsWith('_TRANSITIVE') ? others : others.slice(-1)
  const findings = compared.flatMap((one) => compareVersion(newer, one, mode))
  const merged = mergeVersions(findings)
  return {
    topic,
    versions: compared.map((one) => one.version),
    isKept: kept.at(-1) !== undefined && kept.at(-1) !== before,
    breaks: merged.filter((one) => one.isBreak).map(({ isBreak: _, ...one }) => one),
    remarks: merged.filter((one) => !one.isBreak).map(({ isBreak: _, ...one }) => one),
    removed: before === undefined ? [] : findRemovedFields(newer, before),
  }
}

/** Whether two texts differ in nothing but layout and documentation. */
function isSameSchema(kept: string | undefined, current: string): boolean {
  if (kept === undefined || kept === current) return kept === current
  try {
    return canonicalizeJson(kept) === canonicalizeJson(current)
  } catch {
    return false // Not JSON: parseSchema says where.
  }
}

type ClassifiedFinding = SchemaFinding & { readonly isBreak: boolean }

function compareVersion(
  newer: Schema,
  kept: KeptSchema,
  mode: CompatibilityMode,
): readonly ClassifiedFinding[] {
  const older = parseSchema(kept)
  const findings: ClassifiedFinding[] = []
  const add = (one: Finding, reader: 'new' | 'old', message: string): void => {
    const [newAt, oldAt] =
      reader === 'new' ? [one.readerAt, one.writerAt] : [one.writerAt, one.readerAt]
    findings.push({
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
      findings.push({
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
      const sentence = one.message
        .replace(`${field} is new:`, `${field} is gone:`)
        .replace(/\.$/, '')
      const message = `${sentence}; the reader is an old one.`
      // For old readers only breaks are reported, not remarks.
      if (one.isBreak) add(one, 'old', message)
    }
  return findings
}

/** Joins equal findings of several versions into one. */
function mergeVersions(findings: readonly ClassifiedFinding[]): readonly ClassifiedFinding[] {
  const merged = new Map<string, ClassifiedFinding>()
  for (const one of findings) {
    const key = `${one.rule}\n${one.path}\n${one.message}`
    const known = merged.get(key)
    merged.set(key, { ...one, versions: [...(known?.versions ?? []), ...one.versions] })
  }
  return [...merged.values()]
}

function findRemovedFields(newer: Schema, kept: KeptSchema): readonly RemovedField[] {
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
