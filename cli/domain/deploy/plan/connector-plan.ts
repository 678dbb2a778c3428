/**
 * Plans connectors: their config key by key, and whether they run. Values that come from `${VAR}`
 * are compared but never shown.
 */

import type { ConnectorState } from '../../connectors/connect-cluster.ts'
import { diffConnector } from '../../connectors/connector-diff.ts'
import type { DesiredConnector } from '../../connectors/desired-connectors.ts'
import type { DeployedResource } from '../deployment.ts'
import { canonicalJson, resource } from './resource-content.ts'
import {
  type KnownResource,
  type PlannedResource,
  planResource,
  type ResourceRules,
  type ResourceViews,
} from './resource-plan.ts'
import { type Difference, isDrift, makeStep, type Operation } from './step.ts'

type Config = Readonly<Record<string, string>>

const RULES: ResourceRules<DesiredConnector, ConnectorState> = {
  kind: 'connector',
  removal: (name) => ({ op: 'remove connector', name }),
  describe: (wanted) => `new: ${shortClass(wanted.config)}`,
  format: (wanted) => formatConfig(wanted.displayed),
  create: ({ name }) => [
    { op: 'put connector', name },
    { op: 'await connector', name },
  ],
  record: recordConnector,
  compare: (found, wanted) => compareConfig(found.config, wanted, undefined),
  change: planKnownConnector,
}

/** Plans one connector. */
export function planConnector(
  views: ResourceViews<DesiredConnector, ConnectorState>,
): PlannedResource {
  return planResource(views, RULES)
}

function planKnownConnector({
  name,
  wanted,
  deployed,
  found,
  context,
}: KnownResource<DesiredConnector, ConnectorState>): PlannedResource {
  const after = recordConnector(wanted, deployed)
  const settings = compareConfig(found.config, wanted, context.isComplete ? deployed : undefined)
  const differences = [...settings, ...compareHealth(found)]
  if (differences.length === 0) return { after }
  const operations: Operation[] = [
    ...(settings.length > 0 ? [{ op: 'put connector', name } as const] : []),
    ...repairHealth(name, found),
    { op: 'await connector', name },
  ]
  const step = makeStep({
    action: 'change',
    kind: 'connector',
    name,
    category: 'forward-only',
    reason: explain(settings, found),
    drift: differences.some(isDrift),
    differences,
    before: formatConfig(configAsFound(wanted.displayed, settings)),
    after: formatConfig(wanted.displayed),
    operations,
  })
  return { step, after }
}

function recordConnector(
  { name, content }: DesiredConnector,
  deployed: DeployedResource | undefined,
): DeployedResource {
  return resource('connector', name, content, { adopted: deployed?.adopted ?? false })
}

function compareConfig(
  found: Config,
  wanted: DesiredConnector,
  deployed: DeployedResource | undefined,
): readonly Difference[] {
  const before = deployed && settingTexts(deployed.content)
  const now = settingTexts(wanted.content)
  return diffConnector(wanted, found).map(({ key, ...values }) => {
    const was = before?.[key]
    if (!before || !isTouched(was, found[key], { text: now[key], value: wanted.config[key] }))
      return { key, ...values }
    // With a variable it is the project's own, which says whether its value may be shown.
    const shown = was?.includes('${') ? wanted.displayed[key] : was
    return { key, deployed: shown ?? null, ...values }
  })
}

/**
 * Whether a setting is not as it was deployed. Of one with a variable only the name was kept: where the project
 * still has the same, today's value stands in for it.
 */
function isTouched(
  was: string | undefined,
  found: string | undefined,
  now: { readonly text: string | undefined; readonly value: string | undefined },
): boolean {
  if (was?.includes('${')) return was === now.text && now.value !== found
  return was !== found
}

/** The settings of a connector as it stands in the project. */
export function settingTexts(content: string): Config {
  // Written by ccs, or read from a file of connectors/ that was checked: texts by key.
  return (JSON.parse(content) as { readonly config?: Config }).config ?? {}
}

/** What is there, in words that may be shown. */
function configAsFound(shown: Config, changes: readonly Difference[]): Config {
  const config = { ...shown }
  for (const { key, found } of changes)
    if (found === null) delete config[key]
    else config[key] = found
  return config
}

function formatConfig(config: Config): string {
  return JSON.stringify(JSON.parse(canonicalJson(config)), null, 2)
}

function compareHealth(found: ConnectorState): readonly Difference[] {
  const state = connectorHealth(found)
  if (state === 'RUNNING') return []
  return [{ key: 'state', deployed: 'RUNNING', found: state, wanted: 'RUNNING' }]
}

/** FAILED when a task failed; what is on its way (UNASSIGNED, RESTARTING) counts as running. */
export function connectorHealth({ state, tasks }: ConnectorState): string {
  if (state === 'PAUSED' || state === 'STOPPED') return state
  if (state === 'FAILED' || tasks.some((task) => task.state === 'FAILED')) return 'FAILED'
  return 'RUNNING'
}

function repairHealth(name: string, found: ConnectorState): readonly Operation[] {
  switch (connectorHealth(found)) {
    case 'PAUSED':
    case 'STOPPED':
      return [{ op: 'resume connector', name }]
    case 'FAILED':
      return [{ op: 'restart connector', name }]
    default:
      return []
  }
}

function explain(settings: readonly Difference[], found: ConnectorState): string {
  const state = connectorHealth(found)
  const fault = (found.fault ?? found.tasks.find((task) => task.fault)?.fault)?.split('\n')[0]
  const reasons = [
    ...(settings.some(isDrift) ? ['it was changed by hand'] : []),
    ...(settings.some((one) => !isDrift(one)) ? ['the project says otherwise'] : []),
    ...(state === 'PAUSED' ? ['it was paused'] : []),
    ...(state === 'STOPPED' ? ['it was stopped'] : []),
    ...(state === 'FAILED' ? [`it failed${fault ? `: ${fault}` : ''}`] : []),
  ]
  return reasons.join('; ')
}

function shortClass(config: Config): string {
  return config['connector.class']?.split('.').at(-1) ?? 'a connector'
}
