/** The port behind which a target keeps its deployments. */
import type { Deployment } from './deployment.ts'

/** Name of the topic that keeps a target's deployments. */
export function recordTopic({ prefix }: { readonly prefix: string }): string {
  return `${prefix}_ccs.manifest`
}

/** The deployments of a target, stored in the target. */
export interface DeploymentStore {
  /** The newest deployment; undefined before the first. */
  load(): Promise<Deployment | undefined>
  /** The deployments that a rollback can return to, newest first. */
  history(): Promise<readonly Deployment[]>
  /**
   * Claims the target for `owner`, such as user@host. CCS_DEPLOY_LOCKED while another deployer has
   * it; of two at the same time, one gets it. The claim of a killed deployer ends with its lease.
   */
  claim(owner: string): Promise<DeploymentClaim>
  close(): Promise<void>
}

/** The right of one deployer to change a target. */
export interface DeploymentClaim {
  /** Grows with every claim; a deployer with a lower one can no longer write. */
  readonly epoch: number
  /** Durable when it resolves. CCS_DEPLOY_LOCKED if another deployer has claimed the target. */
  save(deployment: Deployment): Promise<void>
  /**
   * Renews the lease; call it before each step. CCS_DEPLOY_LOCKED if another deployer has claimed
   * the target.
   */
  check(): Promise<void>
  release(): Promise<void>
}
