/** What is asked before a deployment touches anything: may all its steps be taken, and will the servers have them? */

import type { RegisteredSchema } from '../avro/schema-registry.ts'
import { redactSecrets } from '../connectors/desired-connectors.ts'
import { CcsError, EXIT, throwAll } from '../kernel/errors.ts'
import { checkTopic } from '../schemas/check.ts'
import { joinNames } from '../schemas/describe.ts'
import type { DesiredState } from './plan/desired.ts'
import { type ClusterPlan, stepsOf } from './plan/target-plan.ts'
import type { ClusterStep } from './plan/target-step.ts'
import type { ClusterPorts } from './read.ts'

/** Why a plan can't be carried out; undefined when it can. `command` is what to type when it is meant. */
export function clusterRefusal(
  plan: ClusterPlan,
  options: { readonly allowDestructive: boolean; readonly command: string },
): CcsError | undefined {
  const refused = stepsOf(plan).filter((step) => step.refused)
  const [first, ...others] = refused.map(refusedError)
  if (first)
    return new CcsError(first.code, first.message, { exit: EXIT.usage, others, ...hintOf(refused) })
  const lossy = stepsOf(plan).filter((step) => step.destroys !== undefined)
  if (lossy.length === 0 || options.allowDestructive) return undefined
  const names = lossy.map((step) => `${step.kind} ${step.name}`)
  return new CcsError('CCS_PLAN_CHANGES', `This would delete ${joinNames(names, 5)}, or a part.`, {
    exit: EXIT.usage,
    hint: `The plan says what of each. If that is meant: ${options.command} --allow-destructive`,
  })
}

function refusedError({ kind, name, refused }: ClusterStep): CcsError {
  return new CcsError('CCS_PLAN_CHANGES', `${kind} ${name}: ${refused}.`, { exit: EXIT.usage })
}

function hintOf(refused: readonly ClusterStep[]): { readonly hint?: string } {
  const target = /ccs adopt .*--target (\S+)$/.exec(refused[0]?.refused ?? '')?.[1]
  return refused.length > 1 && target !== undefined
    ? { hint: `All that is there and not of ccs at once: ccs adopt --target ${target}` }
    : {}
}

/**
 * CCS_SCHEMA_BREAKS, with the fields, for a new version that the registry's versions break with, and
 * CCS_CONNECTOR_INVALID for configs that Connect itself refuses. Nothing is changed.
 */
export async function preflight(
  plan: ClusterPlan,
  ports: ClusterPorts,
  desired: DesiredState,
): Promise<void> {
  const faults: CcsError[] = []
  for (const { operations } of plan.tasks)
    for (const operation of operations) {
      if (operation.op === 'register') faults.push(...(await schemaFaults(ports, operation, plan)))
      if (operation.op === 'put connector')
        faults.push(...(await connectorFaults(ports, desired, operation.name)))
    }
  throwAll(faults)
}

async function schemaFaults(
  { registry }: ClusterPorts,
  { name, schema }: { readonly name: string; readonly schema: string },
  plan: ClusterPlan,
): Promise<readonly CcsError[]> {
  const doomed = plan.tasks
    .flatMap((task) => task.operations)
    .flatMap((one) => (one.op === 'remove version' && one.name === name ? [one.version] : []))
  const versions = (await registry.versions(name)).filter((one) => !doomed.includes(one.version))
  if (versions.length === 0) return []
  const breaks = breaksOf(name, schema, versions)
  if (breaks.length > 0) return breaks
  // Asked with what is to go, the registry would answer for that.
  if (doomed.length > 0 || (await registry.accepts(name, schema))) return []
  return [schemaBreak(name, 'the registry does not take the new version.')]
}

function breaksOf(
  name: string,
  schema: string,
  versions: readonly RegisteredSchema[],
): readonly CcsError[] {
  const kept = versions.map(({ version, id, schema: text }) => ({
    file: `${name} version ${version}`,
    text,
    version,
    id,
  }))
  const current = { file: `${name} in the project`, text: schema }
  const { breaks } = checkTopic({ topic: name, current, kept }, 'BACKWARD_TRANSITIVE')
  return breaks.map((one) => schemaBreak(name, one.message))
}

function schemaBreak(name: string, words: string): CcsError {
  return new CcsError('CCS_SCHEMA_BREAKS', `${name}: ${words}`, {
    exit: EXIT.checkFailed,
    hint: 'Nothing was touched. All that it may break: ccs schema check',
  })
}

async function connectorFaults(
  { connect }: ClusterPorts,
  desired: DesiredState,
  name: string,
): Promise<readonly CcsError[]> {
  const wanted = desired.connectors.find((one) => one.name === name)
  if (!connect || !wanted) return []
  const faults = await connect.validate({ ...wanted.config, name })
  return faults.map(({ key, fault }) => {
    const words = redactSecrets(fault, wanted)
    return new CcsError('CCS_CONNECTOR_INVALID', `${name}: ${key}: ${words}`, {
      exit: EXIT.usage,
      location: { file: wanted.file },
      hint: 'Nothing was touched.',
    })
  })
}
