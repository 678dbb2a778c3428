/**
 * Plan of one subject. Versions are only ever added: records carry them. A version that somebody else registered goes
 * only where that is allowed, as records may carry it already.
 */

import type { RegisteredSchema } from '../../avro/schema-registry.ts'
import { schemaIdentity } from '../../schemas/identity.ts'
import type { DesiredSubject } from './desired.ts'
import { readSubjectText, resource, subjectText } from './resource-content.ts'
import {
  clusterStep,
  type Difference,
  foreignStep,
  isDrift,
  type Operation,
  type Planned,
  removedStep,
  type Views,
} from './target-step.ts'

/** A subject of the registry with at least one version, oldest first. */
export interface FoundSubject {
  readonly name: string
  readonly compatibility: string
  readonly versions: readonly RegisteredSchema[]
}

export function planSubject(views: Views<DesiredSubject, FoundSubject>): Planned {
  const { name, wanted, deployed, found, context } = views
  if (!wanted)
    return removedStep('subject', views, {
      isThere: found !== undefined,
      operation: { op: 'remove subject', name },
      destroys: 'its schemas, without which records that are elsewhere can not be read',
    })
  if (!found) return addedSubject(wanted, deployed !== undefined && context.isComplete)
  if (!deployed) return foreignStep('subject', views, foreignDifferences(wanted, found))
  const record = readSubjectText(deployed)
  const recorded = new Set(record.versions.map(identityOf))
  const ours = new Set(wanted.versions.map(identityOf))
  const there = new Set(found.versions.map((one) => identityOf(one.schema)))
  const missing = wanted.versions.filter((one) => !there.has(identityOf(one)))
  const extra = found.versions.filter(({ schema }) => {
    const meaning = identityOf(schema)
    return !ours.has(meaning) && !recorded.has(meaning)
  })
  // What was deployed or taken over once stays, even where the project no longer keeps it.
  const kept = record.versions.filter((one) => {
    const meaning = identityOf(one)
    return !ours.has(meaning) && there.has(meaning)
  })
  const goal = { ...wanted, versions: [...kept, ...wanted.versions] }
  const after = resource('subject', name, subjectText(goal), { adopted: deployed.adopted })
  const isLost = (schema: string) => context.isComplete && recorded.has(identityOf(schema))
  const differences: Difference[] = [
    ...levelDifference(wanted, found, context.isComplete ? record.compatibility : undefined),
    ...missing.map((schema) => ({
      key: versionKey(wanted, schema),
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
  if (differences.length === 0) return { operations: [], after }
  const operations: Operation[] = [
    ...extra.map(({ version }) => ({ op: 'remove version', name, version }) as const),
    ...levelOperation(wanted, found.compatibility),
    ...missing.map((schema) => ({ op: 'register', name, schema }) as const),
  ]
  const versions = extra.map((one) => `version ${one.version}`).join(', ')
  return {
    step: clusterStep({
      action: 'change',
      kind: 'subject',
      name,
      category: extra.length > 0 ? 'breaking' : 'forward-only',
      reason: reasonOf(differences, extra.length > 0),
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
    }),
    operations,
    after,
  }
}

function addedSubject(wanted: DesiredSubject, isLost: boolean): Planned {
  const { name, compatibility, versions } = wanted
  const [first, ...rest] = versions
  const count = `${versions.length} version${versions.length === 1 ? '' : 's'}`
  return {
    step: clusterStep({
      action: 'add',
      kind: 'subject',
      name,
      reason: isLost ? 'it was deleted by hand' : `new: ${count}, ${compatibility}`,
      drift: isLost,
      after: subjectText(wanted),
    }),
    operations: [
      // Some registries keep no level of a subject that has no version yet.
      ...(first === undefined ? [] : [{ op: 'register', name, schema: first } as const]),
      { op: 'set compatibility', name, level: compatibility },
      ...rest.map((schema) => ({ op: 'register', name, schema }) as const),
    ],
    after: resource('subject', name, subjectText(wanted)),
  }
}

function foreignDifferences(wanted: DesiredSubject, found: FoundSubject): readonly Difference[] {
  const there = new Set(found.versions.map((one) => identityOf(one.schema)))
  const ours = new Set(wanted.versions.map(identityOf))
  return [
    ...levelDifference(wanted, found, undefined),
    ...wanted.versions
      .filter((one) => !there.has(identityOf(one)))
      .map((one) => ({ key: versionKey(wanted, one), found: null, wanted: 'registered' })),
    ...found.versions
      .filter((one) => !ours.has(identityOf(one.schema)))
      .map(({ version }) => ({ key: `version ${version}`, found: 'registered', wanted: null })),
  ]
}

function levelDifference(
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

function levelOperation(wanted: DesiredSubject, found: string): readonly Operation[] {
  const { name, compatibility } = wanted
  return compatibility === found
    ? []
    : [{ op: 'set compatibility', name, level: compatibility } as const]
}

/** As the project counts: `schemas/history/<topic>/<n>.…`. */
function versionKey({ versions }: DesiredSubject, schema: string): string {
  return `the project's version ${versions.indexOf(schema) + 1}`
}

function reasonOf(differences: readonly Difference[], hasForeign: boolean): string {
  if (hasForeign) return 'somebody else registered a version'
  if (differences.some(isDrift)) return 'it was changed by hand'
  return differences.some(({ key }) => key !== 'compatibility')
    ? 'a new version; records keep the version they were written with'
    : 'the project says otherwise'
}

function keepHint(name: string, target: string): string {
  return `to keep it: ccs adopt subject ${name} --target ${target}`
}

/** Registries print schemas in words of their own; a text that is none is only itself. */
function identityOf(schema: string): string {
  return schemaIdentity(schema) ?? schema
}
