/**
 * Plans connectors: compares their config key by key, and whether they run. Values from `${VAR}`
 * are compared but never shown.
 */

import type { ConnectorState } from '../../connectors/connect-cluster.ts'
import { diffConnector, redactSecrets } from '../../connectors/connector-diff.ts'
import type { DesiredConnector } from '../../connectors/desired-connectors.ts'
import type { DeployedResource } from '../deployment.ts'
import { printCanonicalJson, toResource } from './resource-content.ts'
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
  add: planNewConnector,
  compare: (found, wanted) => compareConfig(found.config, wanted, undefined),
  change: planKnownConnector,
}

/** Plans one connector. */
export function planConnector(
  views: ResourceViews<DesiredConnector, ConnectorState>,
): PlannedResource {
  return planResource(views, RULES)
}

function planNewConnector(
  wanted: DesiredConnector,
  isLost: boolean,
  deployed: DeployedResource | undefined,
): PlannedResource {
  const { name } = wanted
  const step = makeStep({
    action: 'add',
    kind: 'connector',
    name,
    reason: isLost ? 'it was deleted by hand' : `new: ${shortenClass(wanted.config)}`,
    drift: isLost,
    after: formatConfig(wanted.displayed),
    operations: [
      { op: 'put connector', name },
      { op: 'await connector', name },
    ],
  })
  return { step, after: recordConnector(wanted, deployed) }
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
    reason: redactSecrets(explain(settings, found), wanted),
    drift: differences.some(isDrift),
    differences,
    before: formatConfig(describeFoundConfig(wanted.displayed, settings)),
    after: formatConfig(wanted.displayed),
    operations,
  })
  return { step, after }
}

function recordConnector(
  { name, content }: DesiredConnector,
  deployed: DeployedResource | undefined,
): DeployedResource {
  return toResource('connector', name, content, { adopted: deployed?.adopted ?? false })
}

function compareConfig(
  found: Config,
  wanted: DesiredConnector,
  deployed: DeployedResource | undefined,
): readonly Difference[] {
  const before = deployed && readSettingTexts(deployed.content)
  const now = readSettingTexts(wanted.content)
  return diffConnector(wanted, found).map(({ key, ...values }) => {
    const was = before?.[key]
    if (!before || !isTouched(was, found[key], { text: now[key], value: wanted.config[key] }))
      return { key, ...values }
    // A value with a variable is the project's; `displayed` has it without secrets.
    const displayed = was?.includes('${') ? wanted.displayed[key] : was
    return { key, deployed: displayed ?? null, ...values }
  })
}

/**
 * Whether somebody changed a setting since it was deployed. Of a setting with a variable, only the
 * variable's name is recorded: if the project still uses it, its present value is compared.
 */
function isTouched(
  was: string | undefined,
  found: string | undefined,
  now: { readonly text: string | undefined; readonly value: string | undefined },
): boolean {
  if (was?.includes('${')) return was === now.text && now.value !== found
  return was !== found
}

/** Reads the settings of a connector from its recorded content. */
export function readSettingTexts(content: string): Config {
  // The content was written by ccs, or read from a file that was checked: texts by key.
  return (JSON.parse(content) as { readonly config?: Config }).config ?? {}
}

/** The config as found, without secrets. */
function describeFoundConfig(displayed: Config, changes: readonly Difference[]): Config {
  const config = { ...displayed }
  for (const { key, found } of changes)
    if (found === null) delete config[key]
    else config[key] = found
  return config
}

function formatConfig(config: Config): string {
  return JSON.stringify(JSON.parse(printCanonicalJson(config)), null, 2)
}

function compareHealth(found: ConnectorState): readonly Difference[] {
  const state = summarizeHealth(found)
  if (state === 'RUNNING') return []
  return [{ key: 'state', deployed: 'RUNNING', found: state, wanted: 'RUNNING' }]
}

/** FAILED if a task failed; UNASSIGNED and RESTARTING, which pass, count as running. */
export function summarizeHealth({ state, tasks }: ConnectorState): string {
  if (state === 'PAUSED' || state === 'STOPPED') return state
  if (state === 'FAILED' || tasks.some((task) => task.state === 'FAILED')) return 'FAILED'
  return 'RUNNING'
}

function repairHealth(name: string, found: ConnectorState): readonly Operation[] {
  switch (summarizeHealth(found)) {
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
  const state = summarizeHealth(found)
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

function shortenClass(config: Config): string {
  return config['connector.class']?.split('.').at(-1) ?? 'a connector'
}
