/**
 * A deployment to a cluster, as the target stores it in the topic `_ccs.manifest`: every resource
 * with its exact content, so that drift can be found and a rollback is possible.
 */

/** Version of the stored form. */
export const DEPLOYMENT_FORMAT = 1

/** What a deployment consists of. */
export type ResourceKind = 'topic' | 'subject' | 'model' | 'connector'

/** One resource as it was deployed. */
export interface DeployedResource {
  readonly kind: ResourceKind
  /** As the cluster knows it, so with the target's prefix for topics, subjects and connectors. */
  readonly name: string
  /** Hash of `content`; for a model, of its meaning. */
  readonly fingerprint: string
  /** JSON of a topic, a subject or a connector (secrets as ${VAR}), or the SQL of a model. */
  readonly content: string
  /** True: it existed before ccs and was adopted. False: ccs created it. */
  readonly adopted: boolean
}

/** One deployment to a target. */
export interface Deployment {
  readonly format: typeof DEPLOYMENT_FORMAT
  /** Grows by one with each finished deployment of the target. */
  readonly serial: number
  readonly epoch: number
  /** False while its steps are applied, and if the deployer died then. */
  readonly complete: boolean
  readonly deployedMs: number
  /** Who deployed: user@host. */
  readonly by: string
  readonly resources: readonly DeployedResource[]
  /** The engine's own record of its models; absent if the engine keeps it elsewhere. */
  readonly engine?: string
}
