/**
 * Use case: hold every schema of a project against its kept history, and name what each break breaks. A field
 * that was removed is a break where something still reads it, whatever Avro says.
 */
import { CcsError, EXIT, throwAll } from '../kernel/errors.ts'
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

/** A break, with what may use the field. */
export interface SchemaBreak extends Omit<SchemaFinding, 'rule'> {
  readonly rule: SchemaFinding['rule'] | 'in use'
  readonly uses: readonly FieldUse[]
}

export interface CheckedTopic {
  readonly topic: string
  /** Kept versions that were compared. */
  readonly versions: readonly number[]
  readonly breaks: readonly SchemaBreak[]
  readonly remarks: readonly SchemaFinding[]
  /** The file to keep the schema in, where it differs from the newest kept version; null: it is kept. */
  readonly keepAs: string | null
}

/** The `--json` document of `ccs schema check`. */
export interface SchemaCheckResult {
  readonly ok: boolean
  readonly mode: CompatibilityMode
  readonly topics: readonly CheckedTopic[]
}

/** Opened only when something changed: it parses all of the SQL. */
export type OpenSchemaImpact = () => Promise<(topic: TracedTopic) => FindUses>

/** Throws CCS_SCHEMA_INVALID with all texts that are no schemas. */
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
      breaks: usesOf === undefined ? [] : breaksOf(one, usesOf),
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

function breaksOf(check: TopicCheck, usesOf: FindUses): readonly SchemaBreak[] {
  const breaks = check.breaks.map((one) => ({
    ...one,
    // What an old reader can't read breaks that reader, and nothing in this project.
    uses: one.reader === 'new' ? usesOf(one.path) : [],
  }))
  const inUse = check.removed.flatMap((one): readonly SchemaBreak[] => {
    const uses = usesOf(one.path)
    return uses.some((use) => use.at !== null) ? [removedBreak(one, uses)] : []
  })
  return [...breaks, ...inUse]
}

function removedBreak(one: RemovedField, uses: readonly FieldUse[]): SchemaBreak {
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
 * Topics with the breaks for which plan, deploy and register refuse. A removed field counts where a model
 * names it: marts and dashboards are built later, and may be mended until then.
 */
export function findBlockedTopics(result: SchemaCheckResult): readonly CheckedTopic[] {
  const isRefused = ({ rule, path, uses }: SchemaBreak) =>
    rule !== 'in use' ||
    (topField(path) === path && uses.some((use) => use.kind === 'model' && use.at !== null))
  return result.topics
    .map((one) => ({ ...one, breaks: one.breaks.filter(isRefused) }))
    .filter((one) => one.breaks.length > 0)
}

/** Throws CCS_SCHEMA_BREAKS with all breaks that are refused; does nothing when there is none. */
export function throwBlockingBreaks(result: SchemaCheckResult): void {
  throwAll(
    findBlockedTopics(result).flatMap(({ topic, breaks }) =>
      breaks.map((one) => breakError(topic, one)),
    ),
  )
}

const NAMES_MAX = 5

function breakError(topic: string, one: SchemaBreak): CcsError {
  const names = one.uses.map((use) => use.name)
  const isTold = names.length === 0 || one.rule === 'in use'
  const used = isTold ? '' : ` It may be used by ${joinNames(names, NAMES_MAX)}.`
  return new CcsError('CCS_SCHEMA_BREAKS', `${topic}: ${one.message}${used}`, {
    exit: EXIT.checkFailed,
    location: one.location,
    hint: 'Nothing was touched. All that it may break: ccs schema check',
  })
}
