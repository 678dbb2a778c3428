/** Applies the steps of a plan to a claimed target and records them. */

import { applyOperation } from './apply-operation.ts'
import type { DeployTarget, TargetReading } from './deploy-target.ts'
import { DEPLOYMENT_FORMAT, type DeployedResource, type Deployment } from './deployment.ts'
import type { DeploymentClaim } from './deployment-store.ts'
import { isEngineStep, type Step } from './plan/step.ts'

/** The right to change a target, given by the store; without servers, the engine's lock is used. */
export type Claim = Pick<DeploymentClaim, 'epoch' | 'save' | 'check'>

/** Called before each step; `index` counts from 1. */
export interface ApplyOptions {
  readonly onStep?: (step: Step, index: number, count: number) => void
}

/** Runs with the target claimed; CCS_DEPLOY_LOCKED while another deployer has it. */
export async function withClaim<T>(
  { servers, by }: Pick<DeployTarget, 'servers' | 'by'>,
  run: (claim: Claim) => Promise<T>,
): Promise<T> {
  if (!servers) return run(NO_CLAIM)
  const claim = await servers.deployments.claim(by)
  try {
    return await run(claim)
  } finally {
    await claim.release()
  }
}

/** Without servers, the engine's `hold` locks the target, and the engine keeps the record. */
const NO_CLAIM: Claim = { epoch: 0, save: async () => {}, check: async () => {} }

/** Applies all steps of a reading; returns the serial of the deployment that is then in force. */
export async function applySteps(
  target: DeployTarget,
  reading: TargetReading,
  claim: Claim,
  options: ApplyOptions,
): Promise<number> {
  const { record, steps, serial: lastSerial, isUnfinished } = reading.plan
  // An unfinished deployment is continued under its own serial.
  const serial = isUnfinished ? lastSerial : lastSerial + 1
  let engine = reading.deployment?.engine
  let isEngineSaved = false
  const save = async (resources: readonly DeployedResource[], complete: boolean) => {
    await claim.save(describeDeployment(target, { claim, serial, complete, resources, engine }))
    target.afterChange?.()
  }
  if (steps.length > 0) await save(record.intent, false)
  await runSteps(target, reading, claim, {
    ...options,
    saveRecord: async (text) => {
      engine = text
      isEngineSaved = true
      await save(record.intent, false)
    },
  })
  if (!isEngineSaved) engine = record.engine ?? engine
  await save(record.resources, true)
  return serial
}

/** Runs the steps in order, each only while the claim holds; the engine's steps all at once. */
export async function runSteps(
  target: DeployTarget,
  { plan, state }: Pick<TargetReading, 'plan' | 'state'>,
  claim: Pick<Claim, 'check'>,
  options: ApplyOptions & { readonly saveRecord: (record: string) => Promise<void> },
): Promise<void> {
  const { servers, desired, clock, engine } = target
  const { steps } = plan
  const engineSteps = steps.filter(isEngineStep)
  const afterChange = () => target.afterChange?.()
  for (const [at, step] of steps.entries()) {
    options.onStep?.(step, at + 1, steps.length)
    if (step === engineSteps.at(-1)) {
      await claim.check()
      const check = () => claim.check()
      await engine.apply(engineSteps, state, {
        saveRecord: options.saveRecord,
        check,
        afterChange,
      })
      afterChange()
    }
    for (const operation of servers ? step.operations : []) {
      await claim.check()
      if (servers) await applyOperation(operation, { servers, desired, clock })
      afterChange()
    }
  }
}

function describeDeployment(
  { clock, by }: DeployTarget,
  parts: {
    readonly claim: Pick<Claim, 'epoch'>
    readonly serial: number
    readonly complete: boolean
    readonly resources: readonly DeployedResource[]
    readonly engine: string | undefined
  },
): Deployment {
  const { claim, serial, complete, resources, engine } = parts
  return {
    format: DEPLOYMENT_FORMAT,
    serial,
    epoch: claim.epoch,
    complete,
    deployedMs: clock.nowMs(),
    by,
    resources,
    ...(engine === undefined ? {} : { engine }),
  }
}
