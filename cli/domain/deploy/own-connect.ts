/** Whether a deployment uses the target's Connect, and which classes that Connect has. */
import type { ConnectCluster } from '../connectors/connect-cluster.ts'
import type { NamedText } from '../documents/json-document.ts'
import { CcsError } from '../kernel/errors.ts'
import type { TargetServers } from './deploy-target.ts'
import type { DeploymentStore } from './deployment-store.ts'

/** The servers of a target, and what its Connect can run. */
export interface OpenedServers extends TargetServers {
  /** Classes that Connect has. */
  readonly plugins: readonly string[]
  /** Why connectors are left out: one sentence each. */
  readonly remarks: readonly string[]
}

/** The target's name and Connect, the files of connectors/, and what opens Connect. */
export interface ConnectChoice {
  readonly target: { readonly name: string; readonly connect?: unknown }
  readonly connectors: readonly NamedText[]
  readonly deployments: Pick<DeploymentStore, 'load'>
  openConnect(options?: { readonly triesMax: number }): Promise<ConnectCluster>
}

/**
 * Where Connect does not answer and nothing depends on it, it is left out: sinks are optional, and
 * the rest is deployed without.
 */
export async function chooseConnect({
  target,
  connectors,
  deployments,
  openConnect,
}: ConnectChoice): Promise<Pick<OpenedServers, 'connect' | 'plugins' | 'remarks'>> {
  const files = connectors.filter((one) => one.file.endsWith('.json'))
  const none = { connect: undefined, plugins: [] }
  if (!target.connect) {
    const remark = `connectors/ is left out: target ${target.name} has no Connect.`
    return { ...none, remarks: files.length > 0 ? [remark] : [] }
  }
  const connect = await openConnect()
  if (files.length === 0) return { connect, plugins: [], remarks: [] }
  const deployed = (await deployments.load())?.resources ?? []
  const isNeeded =
    deployed.some((one) => one.kind === 'connector') ||
    files.some((one) => /"required":\s*true/.test(one.text))
  try {
    // One that may as well be down is not waited for.
    const asked = isNeeded ? connect : await openConnect({ triesMax: 2 })
    return { connect, plugins: await asked.plugins(), remarks: [] }
  } catch (error) {
    const isAway = error instanceof CcsError && error.code === 'CCS_CONNECT_UNREACHABLE'
    if (!isAway || isNeeded) throw error
    return { ...none, remarks: [`connectors/ is left out: ${error.message}`] }
  }
}
