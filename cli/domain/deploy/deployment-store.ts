/** Where a target keeps what was deployed to it, as a port. */
import type { Deployment } from './deployment.ts'

/** Name of the topic that keeps a target's deployments. */
export function recordTopic({ prefix }: { readonly prefix: string }): string {
  return `${prefix}_ccs.manifest`
}

/** What was deployed to a target, kept in the target. */
export interface DeploymentStore {
  /** The newest; undefined before the first. */
  load(): Promise<Deployment | undefined>
  /** Those that can be returned to, newest first. */
  history(): Promise<readonly Deployment[]>
  /**
   * Takes the target for one deployer, `owner` in words. CCS_DEPLOY_LOCKED while another is at work; of two at
   * once, one gets it. What a killed deployer held is free again after its lease.
   */
  claim(owner: string): Promise<DeploymentClaim>
  close(): Promise<void>
}

export interface DeploymentClaim {
  /** Grows with every claim; a deployer with a lesser one can write nothing any more. */
  readonly epoch: number
  /** Durable when it resolves. CCS_DEPLOY_LOCKED when another has taken the target meanwhile. */
  save(deployment: Deployment): Promise<void>
  /** Throws CCS_DEPLOY_LOCKED when another has taken the target; renews the lease otherwise. Before each step. */
  check(): Promise<void>
  release(): Promise<void>
}
