/**
 * Plan of one connector: its config key by key, and whether it runs. Values that come from `${VAR}` are compared but
 * never shown.
 */
import {
  clusterStep,
  type Difference,
  differencesOf,
  foreignStep,
  isDrift,
  type Operation,
  type Planned,
  removedStep,
  type Views,
} from './cluster-step.ts'
import type { DesiredConnector } from './desired.ts'
import type { ConnectorState } from './ports.ts'
import { canonicalJson, resource } from './resource-content.ts'

type Config = Readonly<Record<string, string>>

export function planConnector(views: Views<DesiredConnector, ConnectorState>): Planned {
  const { name, wanted, deployed, found, context } = views
  if (!wanted)
    return removedStep('connector', views, {
      isThere: found !== undefined,
      operation: { op: 'remove connector', name },
    })
  const stored = readConfig(wanted.stored)
  const after = resource('connector', name, storedText(stored), {
    adopted: deployed?.adopted ?? false,
  })
  if (!found) {
    const isLost = deployed !== undefined && context.isComplete
    const step = clusterStep({
      action: 'add',
      kind: 'connector',
      name,
      reason: isLost ? 'it was deleted by hand' : `new: ${shortClass(wanted.config)}`,
      drift: isLost,
      after: after.content,
    })
    return { step, operations: [{ op: 'put connector', name }], after }
  }
  const record = deployed === undefined ? undefined : readConfig(deployed.content)
  const there = withoutName(found.config)
  const settings = shownDifferences(there, wanted, stored, context.isComplete ? record : undefined)
  if (!deployed) return foreignStep('connector', views, settings)
  const health = healthDifference(found)
  const differences = [...settings, ...health]
  if (differences.length === 0) return { operations: [], after }
  const operations: Operation[] = [
    ...(settings.length > 0 ? [{ op: 'put connector', name } as const] : []),
    ...healthOperation(name, found),
  ]
  const step = clusterStep({
    action: 'change',
    kind: 'connector',
    name,
    category: 'forward-only',
    reason: reasonOf(settings, found),
    drift: differences.some(isDrift),
    differences,
    before: storedText(hidden(there, stored)),
    after: after.content,
  })
  return { step, operations, after }
}

/** The text that a deployment keeps of a connector. */
export function storedText(config: Config): string {
  return JSON.stringify(JSON.parse(canonicalJson(config)), null, 2)
}

/** A config as it was found, values of secrets as the project writes them: `${VAR}`. */
export function hidden(found: Config, stored: Config): Config {
  return Object.fromEntries(
    Object.entries(found).map(([key, value]) => [
      key,
      isSecret(stored[key]) ? (stored[key] ?? '') : SECRET_KEY.test(key) ? '(hidden)' : value,
    ]),
  )
}

/** A connector's config as it is written in the project or a deployment. */
export function readConfig(text: string): Config {
  // `stored` is written by ccs, texts by key.
  return withoutName(JSON.parse(text) as Config)
}

/** Connect adds the name to the config; it is that of the connector anyhow. */
function withoutName({ name: _name, ...config }: Config): Config {
  return config
}

const SECRET_KEY = /password|secret|token|credential|\bkey$|access[.-]key|sasl\.jaas/i

function isSecret(text: string | undefined): boolean {
  return text?.includes('${') ?? false
}

function shownDifferences(
  found: Config,
  wanted: DesiredConnector,
  stored: Config,
  record: Config | undefined,
): readonly Difference[] {
  return differencesOf(found, withoutName(wanted.config), undefined).map((one) => {
    const { key } = one
    const isHidden = isSecret(stored[key]) || SECRET_KEY.test(key)
    const was = record?.[key]
    // Of a secret only the name of its variable is known: the same name, and somebody changed the value.
    const isTouched =
      record !== undefined && (isHidden ? was === stored[key] : (was ?? null) !== one.found)
    const shown = (value: string | null) => (value === null || !isHidden ? value : '(hidden)')
    return {
      key,
      ...(isTouched ? { deployed: shown(was ?? null) } : {}),
      found: shown(one.found),
      wanted: isSecret(stored[key]) ? (stored[key] ?? null) : shown(one.wanted),
    }
  })
}

function healthDifference(found: ConnectorState): readonly Difference[] {
  const state = stateOf(found)
  if (state === 'RUNNING') return []
  return [{ key: 'state', deployed: 'RUNNING', found: state, wanted: 'RUNNING' }]
}

/** FAILED when a task failed; what is on its way (UNASSIGNED, RESTARTING) counts as running. */
export function stateOf({ state, tasks }: ConnectorState): string {
  if (state === 'PAUSED' || state === 'STOPPED') return state
  if (state === 'FAILED' || tasks.some((task) => task.state === 'FAILED')) return 'FAILED'
  return 'RUNNING'
}

function healthOperation(name: string, found: ConnectorState): readonly Operation[] {
  switch (stateOf(found)) {
    case 'PAUSED':
    case 'STOPPED':
      return [{ op: 'resume connector', name }]
    case 'FAILED':
      return [{ op: 'restart connector', name }]
    default:
      return []
  }
}

function reasonOf(settings: readonly Difference[], found: ConnectorState): string {
  const state = stateOf(found)
  const fault = found.tasks.find((task) => task.fault)?.fault
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
