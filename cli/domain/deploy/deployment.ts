/**
 * What a deployment to a cluster consists of, as it is kept in the target (topic `_ccs.manifest`): every
 * resource with its exact content, so that drift is seen and an earlier deployment can be returned to.
 */
export const DEPLOYMENT_FORMAT = 1

export type ResourceKind = 'topic' | 'subject' | 'model' | 'connector'

export interface DeployedResource {
  readonly kind: ResourceKind
  /** Topic, subject, model or connector, with the target's prefix where the cluster knows it by that. */
  readonly name: string
  /** Hash of the meaning of `content`. */
  readonly fingerprint: string
  /** The resource whole, as text: JSON of topic and connector (secrets as their ${VAR}), Avro, SQL. */
  readonly content: string
  /** Whether ccs made it or took it over as it was. */
  readonly adopted: boolean
}

export interface Deployment {
  readonly format: typeof DEPLOYMENT_FORMAT
  /** Grows by one with each finished deployment of the target. */
  readonly serial: number
  readonly epoch: number
  /** False while its steps are still being taken: the deployer may have died on the way. */
  readonly complete: boolean
  readonly deployedMs: number
  /** Who, in words: user@host. */
  readonly by: string
  readonly resources: readonly DeployedResource[]
  /** What the engine keeps of its models, in words of its own; absent where it keeps that itself. */
  readonly engine?: string
}
