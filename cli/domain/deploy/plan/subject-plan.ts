/**
 * Plans subjects of the schema registry. Versions are only ever added, because records carry their
 * ids. A version that somebody else registered is removed only with --allow-destructive.
 */
import type { RegisteredSchema } from '../../avro/schema-registry.ts'
import { schemaIdentity } from '../../schemas/identity.ts'
import type { DesiredSubject } from './desired.ts'
import { readSubjectText, resource, subjectText } from './resource-content.ts'
import {
  type KnownResource,
  type PlannedResource,
  planResource,
  type ResourceRules,
  type ResourceViews,
} from './resource-plan.ts'
import { type Difference, isDrift, makeStep, type Operation } from './step.ts'

/** A subject of the registry with at least one version, oldest first. */
export interface FoundSubject {
  readonly name: string
  readonly compatibility: string
  readonly versions: readonly RegisteredSchema[]
}

const RULES: ResourceRules<DesiredSubject, FoundSubject> = {
  kind: 'subject',
  removalDestroys: 'its schemas, without which records that are elsewhere can not be read',
  removal: (name) => ({ op: 'remove subject', name }),
  describe,
  format: subjectText,
  create: createSubject,
  record: (wanted) => resource('subject', wanted.name, subjectText(wanted)),
  compare: compareForeign,
  change: planKnownSubject,
}

/** Plans one subject; CCS_MANIFEST_INVALID if its record can't be read. */
export function planSubject(views: ResourceViews<DesiredSubject, FoundSubject>): PlannedResource {
  return planResource(views, RULES)
}

function describe({ versions, compatibility }: DesiredSubject): string {
  return `new: ${versions.length} version${versions.length === 1 ? '' : 's'}, ${compatibility}`
}

function createSubject({ name, compatibility, versions }: DesiredSubject): readonly Operation[] {
  const [first, ...rest] = versions
  return [
    // Some registries keep no level for a subject without versions.
    ...(first === undefined ? [] : [{ op: 'register', name, schema: first } as const]),
    { op: 'set compatibility', name, level: compatibility },
    ...rest.map((schema) => ({ op: 'register', name, schema }) as const),
  ]
}

function planKnownSubject({
  name,
  wanted,
  deployed,
  found,
  context,
}: KnownResource<DesiredSubject, FoundSubject>): PlannedResource {
  const record = readSubjectText(deployed)
  const recorded = new Set(record.versions.map(identify))
  const ours = new Set(wanted.versions.map(identify))
  const there = new Set(found.versions.map((one) => identify(one.schema)))
  const missing = wanted.versions.filter((one) => !there.has(identify(one)))
  const extra = found.versions.filter(({ schema }) => {
    const meaning = identify(schema)
    return !ours.has(meaning) && !recorded.has(meaning)
  })
  // What was deployed or adopted stays, even if the project no longer keeps it.
  const kept = record.versions.filter((one) => {
    const meaning = identify(one)
    return !ours.has(meaning) && there.has(meaning)
  })
  const goal = { ...wanted, versions: [...kept, ...wanted.versions] }
  const after = resource('subject', name, subjectText(goal), { adopted: deployed.adopted })
  const isLost = (schema: string) => context.isComplete && recorded.has(identify(schema))
  const differences: Difference[] = [
    ...compareLevels(wanted, found, context.isComplete ? record.compatibility : undefined),
    ...missing.map((schema) => ({
      key: nameVersion(wanted, schema),
      ...(isLost(schema) ? { deployed: 'registered' } : {}),
      found: null,
      wanted: 'registered',
    })),
    ...extra.map(({ version }) => ({
      key: `version ${version}`,
      deployed: null,
      found: 'registered',
      wanted: null,
    })),
  ]
  if (differences.length === 0) return { after }
  const operations: Operation[] = [
    ...extra.map(({ version }) => ({ op: 'remove version', name, version }) as const),
    ...setLevel(wanted, found.compatibility),
    ...missing.map((schema) => ({ op: 'register', name, schema }) as const),
  ]
  const versions = extra.map((one) => `version ${one.version}`).join(', ')
  const step = makeStep({
    action: 'change',
    kind: 'subject',
    name,
    category: extra.length > 0 ? 'breaking' : 'forward-only',
    reason: explain(differences, extra.length > 0),
    drift: differences.some(isDrift),
    differences,
    ...(extra.length > 0
      ? { destroys: `${versions}, which records may carry; ${keepHint(name, context.target)}` }
      : {}),
    before: subjectText({
      compatibility: found.compatibility,
      versions: found.versions.map((one) => one.schema),
    }),
    after: subjectText(goal),
    operations,
  })
  return { step, after }
}

function compareForeign(found: FoundSubject, wanted: DesiredSubject): readonly Difference[] {
  const there = new Set(found.versions.map((one) => identify(one.schema)))
  const ours = new Set(wanted.versions.map(identify))
  return [
    ...compareLevels(wanted, found, undefined),
    ...wanted.versions
      .filter((one) => !there.has(identify(one)))
      .map((one) => ({ key: nameVersion(wanted, one), found: null, wanted: 'registered' })),
    ...found.versions
      .filter((one) => !ours.has(identify(one.schema)))
      .map(({ version }) => ({ key: `version ${version}`, found: 'registered', wanted: null })),
  ]
}

function compareLevels(
  wanted: DesiredSubject,
  found: FoundSubject,
  deployed: string | undefined,
): readonly Difference[] {
  if (wanted.compatibility === found.compatibility) return []
  const isDrifted = deployed !== undefined && deployed !== found.compatibility
  return [
    {
      key: 'compatibility',
      ...(isDrifted ? { deployed } : {}),
      found: found.compatibility,
      wanted: wanted.compatibility,
    },
  ]
}

function setLevel(wanted: DesiredSubject, found: string): readonly Operation[] {
  const { name, compatibility } = wanted
  return compatibility === found
    ? []
    : [{ op: 'set compatibility', name, level: compatibility } as const]
}

/** Numbered as in the project: `schemas/history/<topic>/<n>.…`. */
function nameVersion({ versions }: DesiredSubject, schema: string): string {
  return `the project's version ${versions.indexOf(schema) + 1}`
}

function explain(differences: readonly Difference[], hasForeign: boolean): string {
  if (hasForeign) return 'somebody else registered a version'
  if (differences.some(isDrift)) return 'it was changed by hand'
  return differences.some(({ key }) => key !== 'compatibility')
    ? 'a new version; records keep the version they were written with'
    : 'the project says otherwise'
}

function keepHint(name: string, target: string): string {
  return `to keep it: ccs adopt subject ${name} --target ${target}`
}

/** Registries print schemas in their own layout; a text that is not a schema is equal to itself alone. */
function identify(schema: string): string {
  return schemaIdentity(schema) ?? schema
}
