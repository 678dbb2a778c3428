/**
 * Checks before a deployment changes anything: whether all steps may be applied, and whether the
 * servers will accept them.
 */

import type { RegisteredSchema } from '../avro/schema-registry.ts'
import { redactSecrets } from '../connectors/connector-diff.ts'
import { CcsError, EXIT, throwAll } from '../kernel/errors.ts'
import { appendAll } from '../kernel/lists.ts'
import { checkTopic } from '../schemas/check.ts'
import { joinNames } from '../schemas/describe.ts'
import type { TargetServers } from './deploy-target.ts'
import type { DesiredState } from './plan/desired.ts'
import type { Plan } from './plan/plan.ts'
import type { Step } from './plan/step.ts'

/**
 * The error for a plan that may not be applied; undefined: it may. `command` is what was typed,
 * for the hint.
 */
export function findBlocker(
  { steps }: Pick<Plan, 'steps'>,
  options: { readonly allowDestructive: boolean; readonly command: string },
): CcsError | undefined {
  const refused = steps.filter((step) => step.refused)
  const [first, ...others] = refused.map(explainRefused)
  if (first)
    return new CcsError(first.code, first.message, {
      exit: EXIT.usage,
      others,
      ...hintAdopting(refused),
    })
  const lossy = steps.filter((step) => step.destroys !== undefined)
  if (lossy.length === 0 || options.allowDestructive) return undefined
  const names = lossy.map((step) => `${step.kind} ${step.name}`)
  const rescued = lossy.find((step) => step.rescue !== undefined)
  const what = rescued ? rescued.destroys : `${joinNames(names, 5)}, or parts of them`
  return new CcsError('CCS_PLAN_CHANGES', `This would delete ${what}.`, {
    exit: EXIT.usage,
    hint:
      `${rescued?.rescue ?? 'The plan shows what.'} ` +
      `To allow it: ${options.command} --allow-destructive`,
  })
}

function explainRefused({ kind, name, refused }: Step): CcsError {
  return new CcsError('CCS_PLAN_CHANGES', `${kind} ${name}: ${refused}.`, { exit: EXIT.usage })
}

function hintAdopting(refused: readonly Step[]): { readonly hint?: string } {
  const target = /ccs adopt .*--target (\S+)$/.exec(refused[0]?.refused ?? '')?.[1]
  return refused.length > 1 && target !== undefined
    ? { hint: `To adopt all resources that ccs did not create: ccs adopt --target ${target}` }
    : {}
}

/**
 * Asks the servers whether they will accept the steps. CCS_SCHEMA_BREAKS, with the fields, for a
 * version that the registry's versions break with; CCS_CONNECTOR_INVALID for configs that Connect
 * refuses. Changes nothing.
 */
export async function checkServers(
  { steps }: Pick<Plan, 'steps'>,
  servers: TargetServers,
  desired: DesiredState,
): Promise<void> {
  const faults: CcsError[] = []
  for (const { operations } of steps)
    for (const operation of operations) {
      if (operation.op === 'register')
        appendAll(faults, await checkSchema(servers, operation, steps))
      if (operation.op === 'put connector')
        appendAll(faults, await checkConnector(servers, desired, operation.name))
    }
  throwAll(faults)
}

async function checkSchema(
  { registry }: TargetServers,
  { name, schema }: { readonly name: string; readonly schema: string },
  steps: readonly Step[],
): Promise<readonly CcsError[]> {
  const removed = steps
    .flatMap((step) => step.operations)
    .flatMap((one) => (one.op === 'remove version' && one.name === name ? [one.version] : []))
  const all = await registry.versions(name)
  const versions = all.filter((one) => !removed.includes(one.version))
  if (versions.length === 0) return []
  const breaks = findBreaks(name, schema, versions)
  if (breaks.length > 0) return breaks
  // The registry would also check against versions that are still to be removed.
  if (removed.length > 0 || (await registry.accepts(name, schema))) return []
  return [breakError(name, 'the registry does not accept the new version.')]
}

function findBreaks(
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
  return breaks.map((one) => breakError(name, one.message))
}

function breakError(name: string, words: string): CcsError {
  return new CcsError('CCS_SCHEMA_BREAKS', `${name}: ${words}`, {
    hint: 'Nothing was changed. To see all incompatible changes: ccs schema check',
  })
}

async function checkConnector(
  { connect }: TargetServers,
  desired: DesiredState,
  name: string,
): Promise<readonly CcsError[]> {
  const wanted = desired.connectors.find((one) => one.name === name)
  if (!connect || !wanted) return []
  const faults = await connect.validate({ ...wanted.config, name })
  return faults.map(({ key, fault }) => {
    const words = redactSecrets(fault, wanted)
    return new CcsError('CCS_CONNECTOR_INVALID', `${name}: ${key}: ${words}`, {
      location: { file: wanted.file },
      hint: 'Nothing was changed. Correct the setting in this file, then deploy again.',
    })
  })
}
