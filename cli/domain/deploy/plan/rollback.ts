/**
 * What an earlier deployment wanted of a cluster, from what was kept of it. Schemas only go forward: records carry the
 * versions that came since; and partitions stay, as Kafka can't take them away.
 */

import type { Target } from '../../config/target.ts'
import type { NamedText } from '../../documents/json-document.ts'
import { CcsError } from '../../kernel/errors.ts'
import { modelFile } from '../../models/model.ts'
import { schemaIdentity } from '../../schemas/identity.ts'
import type { DeployedResource, Deployment } from '../deployment.ts'
import { type DesiredState, MACROS } from './desired.ts'
import { readSubjectText, readTopicText } from './resource-content.ts'

/** The one with this serial, or the one before the newest. CCS_USAGE_INVALID when there is none. */
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

/** The files of a project as they were deployed. */
export function storedFiles({ resources }: Deployment): {
  readonly models: readonly NamedText[]
  readonly macros: NamedText
  readonly connectors: readonly NamedText[]
} {
  const of = (kind: DeployedResource['kind']) => resources.filter((one) => one.kind === kind)
  return {
    models: of('model')
      .filter(({ name }) => name !== MACROS)
      .map(({ name, content }) => ({ file: modelFile(name), text: content })),
    macros: {
      file: 'sql/macros.sql',
      text: of('model').find(({ name }) => name === MACROS)?.content ?? '',
    },
    connectors: of('connector').map(({ name, content }) => ({
      file: `connectors/${name}.json`,
      text: withoutOther(content),
    })),
  }
}

/** A connector ran: which one it stood in for does not matter any more, and that one was not kept. */
function withoutOther(content: string): string {
  // Written by ccs as JSON.
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

/** The project with its files as they were deployed. */
export function projectBefore<P extends RollbackProject>(project: P, earlier: Deployment): P {
  // What the target left out was not deployed either.
  return { ...project, ...storedFiles(earlier), target: { ...project.target, without: [] } }
}

/** Files of `project` that differ from those of `before`, except models that its target leaves out. */
export function differingFiles(
  project: RollbackProject,
  before: RollbackProject,
): readonly string[] {
  const left = (project.target.without ?? []).map(modelFile)
  const index = ({ models, macros }: RollbackProject) =>
    new Map([...models, macros].map((one) => [one.file, one.text]))
  const own = project.models.filter((one) => !left.includes(one.file))
  const [was, is] = [index(before), index({ ...project, models: own })]
  const names = [...new Set([...was.keys(), ...is.keys()])]
  return names.filter((file) => was.get(file) !== is.get(file))
}

/** `fromFiles` is what the stored files want; `current` the deployment in force. */
export function desiredBefore(
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
      const before = readTopicText(one)
      const grown = now.get(`topic ${one.name}`)
      const partitions = Math.max(before.partitions, grown ? readTopicText(grown).partitions : 0)
      return { name: one.name, ...before, partitions }
    })
  return { ...fromFiles, topics, subjects: subjectsOf(earlier, current) }
}

function subjectsOf(earlier: Deployment, current: Deployment | undefined) {
  const before = new Map(
    earlier.resources.filter((one) => one.kind === 'subject').map((one) => [one.name, one]),
  )
  const kept = (current?.resources ?? []).filter((one) => one.kind === 'subject')
  const names = [...new Set([...before.keys(), ...kept.map((one) => one.name)])]
  return names.flatMap((name) => {
    const [old, now] = [before.get(name), kept.find((one) => one.name === name)].map(
      (one) => one && readSubjectText(one),
    )
    const base = old ?? now
    if (!base) return []
    const known = new Set(base.versions.map(schemaIdentity))
    const since = (now?.versions ?? []).filter((one) => !known.has(schemaIdentity(one)))
    return [{ name, ...base, versions: [...base.versions, ...since] }]
  })
}
