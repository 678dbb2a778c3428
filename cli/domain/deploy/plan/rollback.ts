/**
 * Restores what an earlier deployment wanted, from its record. Later versions of schemas stay,
 * since records were written with them; partitions stay, since Kafka can't remove them.
 */

import type { Target } from '../../config/target.ts'
import type { NamedText } from '../../documents/json-document.ts'
import { CcsError } from '../../kernel/errors.ts'
import { toModelFile } from '../../models/model.ts'
import { schemaIdentity } from '../../schemas/identity.ts'
import type { DeployedResource, Deployment } from '../deployment.ts'
import { type DesiredState, MACROS } from './desired.ts'
import { readSubject, readTopic } from './resource-content.ts'

/**
 * Picks the deployment with this serial, or the last but one. CCS_USAGE_INVALID if there is none.
 */
export function pickDeployment(
  history: readonly Deployment[],
  serial: number | undefined,
  target: string,
): Deployment {
  const picked = serial === undefined ? history[1] : history.find((one) => one.serial === serial)
  if (picked) return picked
  const known = history.map((one) => one.serial).join(', ')
  const what = serial === undefined ? 'an earlier deployment' : `a deployment no. ${serial}`
  throw new CcsError('CCS_USAGE_INVALID', `Target ${target} does not have ${what}.`, {
    hint: known === '' ? 'Nothing was deployed yet.' : `It has: ${known}.`,
  })
}

/** Reads the files of a project as they were deployed. */
export function readStoredFiles({ resources }: Deployment): {
  readonly models: readonly NamedText[]
  readonly macros: NamedText
  readonly connectors: readonly NamedText[]
} {
  const of = (kind: DeployedResource['kind']) => resources.filter((one) => one.kind === kind)
  return {
    models: of('model')
      .filter(({ name }) => name !== MACROS)
      .map(({ name, content }) => ({ file: toModelFile(name), text: content })),
    macros: {
      file: 'sql/macros.sql',
      text: of('model').find(({ name }) => name === MACROS)?.content ?? '',
    },
    connectors: of('connector').map(({ name, content }) => ({
      file: `connectors/${name}.json`,
      text: dropInsteadOf(content),
    })),
  }
}

/** Removes `insteadOf`: the connector that it names was not recorded, so it can't be checked. */
function dropInsteadOf(content: string): string {
  // ccs wrote it as JSON.
  const { insteadOf: _, ...connector } = JSON.parse(content) as Readonly<Record<string, unknown>>
  return JSON.stringify(connector, null, 2)
}

/** What a rollback takes from a project, and replaces in it. */
interface RollbackProject {
  readonly models: readonly NamedText[]
  readonly macros: NamedText
  readonly connectors: readonly NamedText[]
  readonly target: Target
}

/** Returns the project with its files as they were deployed. */
export function restoreProject<P extends RollbackProject>(project: P, earlier: Deployment): P {
  // Excluded models were not deployed, so none of the files is excluded.
  return { ...project, ...readStoredFiles(earlier), target: { ...project.target, excluded: [] } }
}

/** Lists files that differ between `project` and `before`, except models that are excluded. */
export function listDifferingFiles(
  project: RollbackProject,
  before: RollbackProject,
): readonly string[] {
  const excluded = (project.target.excluded ?? []).map(toModelFile)
  const index = ({ models, macros }: RollbackProject) =>
    new Map([...models, macros].map((one) => [one.file, one.text]))
  const own = project.models.filter((one) => !excluded.includes(one.file))
  const [was, is] = [index(before), index({ ...project, models: own })]
  const names = [...new Set([...was.keys(), ...is.keys()])]
  return names.filter((file) => was.get(file) !== is.get(file))
}

/** `fromFiles`: what the stored files want; `current`: the deployment in force. */
export function restoreDesired(
  fromFiles: DesiredState,
  earlier: Deployment,
  current: Deployment | undefined,
): DesiredState {
  const now = new Map(
    (current?.resources ?? []).map((one) => [`${one.kind} ${one.name}`, one] as const),
  )
  const topics = earlier.resources
    .filter((one) => one.kind === 'topic')
    .map((one) => {
      const before = readTopic(one)
      const grown = now.get(`topic ${one.name}`)
      const partitions = Math.max(before.partitions, grown ? readTopic(grown).partitions : 0)
      return { name: one.name, ...before, partitions }
    })
  return { ...fromFiles, topics, subjects: restoreSubjects(earlier, current) }
}

function restoreSubjects(earlier: Deployment, current: Deployment | undefined) {
  const before = new Map(
    earlier.resources.filter((one) => one.kind === 'subject').map((one) => [one.name, one]),
  )
  const kept = (current?.resources ?? []).filter((one) => one.kind === 'subject')
  const names = [...new Set([...before.keys(), ...kept.map((one) => one.name)])]
  return names.flatMap((name) => {
    const [old, now] = [before.get(name), kept.find((one) => one.name === name)].map(
      (one) => one && readSubject(one),
    )
    const base = old ?? now
    if (!base) return []
    const known = new Set(base.versions.map(schemaIdentity))
    const since = (now?.versions ?? []).filter((one) => !known.has(schemaIdentity(one)))
    return [{ name, ...base, versions: [...base.versions, ...since] }]
  })
}
