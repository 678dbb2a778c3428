/**
 * Use case: compare every schema of a project with its kept history, and list what each break
 * affects. A removed field is a break if something still reads it, whatever Avro allows.
 */
import { CcsError, throwAll } from '../kernel/errors.ts'
import {
  type CompatibilityMode,
  checkTopic,
  type RemovedField,
  type SchemaFinding,
  type TopicCheck,
} from './check.ts'
import { joinNames } from './describe.ts'
import type { FieldUse, FindUses, TracedTopic } from './field-use.ts'
import { topField } from './fields.ts'
import { nameNextVersionFiles, type TopicSchemas } from './history.ts'

/** A break, and what may use the field. */
export interface SchemaBreak extends Omit<SchemaFinding, 'rule'> {
  readonly rule: SchemaFinding['rule'] | 'in use'
  readonly uses: readonly FieldUse[]
}

/** The check of one topic. */
export interface CheckedTopic {
  readonly topic: string
  /** Kept versions that the schema was compared with. */
  readonly versions: readonly number[]
  readonly breaks: readonly SchemaBreak[]
  readonly remarks: readonly SchemaFinding[]
  /** The file to keep the schema in; null if the newest kept version is the same. */
  readonly keepAs: string | null
}

/** The `--json` document of `ccs schema check`. */
export interface SchemaCheckResult {
  readonly ok: boolean
  readonly mode: CompatibilityMode
  readonly topics: readonly CheckedTopic[]
}

/**
 * Opens the search for uses of fields. Only called when something changed, as it parses all SQL.
 */
export type OpenSchemaImpact = () => Promise<(topic: TracedTopic) => FindUses>

/** Throws CCS_SCHEMA_INVALID with all files that are not Avro schemas. */
export async function checkSchemas(
  topics: readonly TopicSchemas[],
  mode: CompatibilityMode,
  openImpact: OpenSchemaImpact,
): Promise<SchemaCheckResult> {
  const checks = checkAll(topics, mode)
  const isTouched = (one: TopicCheck) => one.breaks.length + one.removed.length > 0
  const trace = checks.some(isTouched) ? await openImpact() : undefined
  const unkept = checks.filter((one) => !one.isKept).map((one) => one.topic)
  const files = nameNextVersionFiles(unkept, topics)
  const checked = checks.map((one): CheckedTopic => {
    const { topic, versions, remarks } = one
    const fields = [...one.breaks, ...one.removed].map(({ path }) => topField(path))
    const usesOf = trace?.({ topic, fields: [...new Set(fields)] })
    return {
      topic,
      versions,
      breaks: usesOf === undefined ? [] : collectBreaks(one, usesOf),
      remarks,
      keepAs: files.get(topic) ?? null,
    }
  })
  return { ok: checked.every((one) => one.breaks.length === 0), mode, topics: checked }
}

function checkAll(topics: readonly TopicSchemas[], mode: CompatibilityMode): readonly TopicCheck[] {
  const faults: CcsError[] = []
  const checks: TopicCheck[] = []
  for (const topic of topics) {
    try {
      checks.push(checkTopic(topic, mode))
    } catch (error) {
      if (!(error instanceof CcsError)) throw error
      faults.push(error)
    }
  }
  throwAll(faults)
  return checks
}

function collectBreaks(check: TopicCheck, usesOf: FindUses): readonly SchemaBreak[] {
  const breaks = check.breaks.map((one) => ({
    ...one,
    // A new schema that old readers can't read breaks those readers, but nothing in this project.
    uses: one.reader === 'new' ? usesOf(one.path) : [],
  }))
  const inUse = check.removed.flatMap((one): readonly SchemaBreak[] => {
    const uses = usesOf(one.path)
    return uses.some((use) => use.at !== null) ? [toRemovedBreak(one, uses)] : []
  })
  return [...breaks, ...inUse]
}

function toRemovedBreak(one: RemovedField, uses: readonly FieldUse[]): SchemaBreak {
  const gone = one.renamedTo === undefined ? 'is gone' : `is now called ${one.renamedTo}`
  const names = uses.filter((use) => use.at !== null).map((use) => use.name)
  return {
    rule: 'in use',
    path: one.path,
    message: `Field ${one.path} ${gone}, but ${joinNames(names, NAMES_MAX)} may use it.`,
    reader: 'new',
    versions: [one.version],
    location: one.kept,
    kept: one.kept,
    uses,
  }
}

/**
 * The topics with breaks that block plan, deploy and register. A removed field blocks only if a
 * model names it: marts and dashboards are built later and can be fixed until then.
 */
export function findBlockedTopics(result: SchemaCheckResult): readonly CheckedTopic[] {
  const isBlocking = ({ rule, path, uses }: SchemaBreak) =>
    rule !== 'in use' ||
    (topField(path) === path && uses.some((use) => use.kind === 'model' && use.at !== null))
  return result.topics
    .map((one) => ({ ...one, breaks: one.breaks.filter(isBlocking) }))
    .filter((one) => one.breaks.length > 0)
}

/**
 * Throws CCS_SCHEMA_BREAKS with all breaks that block a deployment; does nothing if there are none.
 */
export function throwBlockingBreaks(result: SchemaCheckResult): void {
  throwAll(
    findBlockedTopics(result).flatMap(({ topic, breaks }) =>
      breaks.map((one) => toError(topic, one)),
    ),
  )
}

/** The same for topics that are not checked yet; nothing is checked where nothing has changed. */
export async function refuseBreaks(
  topics: readonly TopicSchemas[],
  openImpact: OpenSchemaImpact,
): Promise<void> {
  const isChanged = ({ current, kept }: TopicSchemas) =>
    kept.length > 1 || current?.text !== kept[0]?.text
  if (!topics.some(isChanged)) return
  throwBlockingBreaks(await checkSchemas(topics, 'BACKWARD_TRANSITIVE', openImpact))
}

const NAMES_MAX = 5

function toError(topic: string, one: SchemaBreak): CcsError {
  const names = one.uses.map((use) => use.name)
  const isNamed = names.length === 0 || one.rule === 'in use'
  const used = isNamed ? '' : ` It may be used by ${joinNames(names, NAMES_MAX)}.`
  return new CcsError('CCS_SCHEMA_BREAKS', `${topic}: ${one.message}${used}`, {
    location: one.location,
    hint: 'Nothing was changed. See everything that it may break: ccs schema check',
  })
}
