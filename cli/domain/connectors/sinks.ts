/**
 * Connectors on a cluster: waiting until they run, and listing them with their lag. Connect
 * accepts configs that fail later, so a connector counts as running only after all its
 * tasks have run for a while.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import { formatDuration } from '../kernel/units.ts'
import type { EventLog } from '../log/event-log.ts'
import { parseList } from './check-settings.ts'
import type { ConnectCluster, ConnectorState } from './connect-cluster.ts'
import { diffConnector, redactSecrets, type SettingChange } from './connector-diff.ts'
import { type ConnectorChoice, type DesiredConnector, readTopics } from './desired-connectors.ts'

/** Where connectors run, and the clock for waiting. */
export interface SinkPorts {
  readonly connect: ConnectCluster
  readonly clock: Clock
}

/** How long to wait for a connector. */
export interface AwaitOptions {
  /** Time until it must run. */
  readonly timeoutMs: number
  /**
   * Time that everything must run without interruption; some connectors fail a moment after start.
   */
  readonly stableMs?: number
  readonly onState?: (state: string) => void
}

const POLL_MS = 500

/** Restarts the failed parts of a connector and waits until all of it runs. */
export async function restartConnector(
  ports: SinkPorts,
  connector: Pick<DesiredConnector, 'name' | 'secrets'>,
  options: AwaitOptions,
): Promise<void> {
  await ports.connect.restart(connector.name)
  await awaitConnector(ports, connector, options)
}

/**
 * Waits until a connector and all its tasks have run for a while; throws CCS_CONNECTOR_FAILED with
 * the stack trace if they fail or don't run in time.
 */
export async function awaitConnector(
  { connect, clock }: SinkPorts,
  connector: Pick<DesiredConnector, 'name' | 'secrets'>,
  { timeoutMs, stableMs = 3_000, onState }: AwaitOptions,
): Promise<void> {
  const startMs = clock.nowMs()
  // Earlier failures stay visible for a moment, until the workers have applied the change.
  const graceMs = Math.min(stableMs, timeoutMs / 2)
  let runningSince: number | undefined
  for (;;) {
    const state = await findState(connect, connector.name)
    const nowMs = clock.nowMs()
    onState?.(state ? summarize(state) : 'not created yet')
    const isRunning = state !== undefined && isHealthy(state)
    if (isRunning) runningSince ??= nowMs
    else runningSince = undefined
    if (runningSince !== undefined && nowMs - runningSince >= stableMs) return
    if (state && listFailures(state).length > 0 && nowMs - startMs >= graceMs)
      throw failedError(connector, state, 'failed')
    if (nowMs - startMs >= timeoutMs)
      throw failedError(connector, state, `did not run within ${formatDuration(timeoutMs)}`)
    await clock.sleep(POLL_MS)
  }
}

async function findState(
  connect: ConnectCluster,
  name: string,
): Promise<ConnectorState | undefined> {
  return (await connect.connectors()).find((one) => one.name === name)
}

function isHealthy(state: ConnectorState): boolean {
  const isUp = state.state === 'RUNNING' && state.tasks.length > 0
  return isUp && state.tasks.every((task) => task.state === 'RUNNING')
}

function summarize(state: ConnectorState): string {
  const up = state.tasks.filter((task) => task.state === 'RUNNING').length
  return `${state.state}, ${up} of ${state.tasks.length} tasks run`
}

/** Returns why a connector and its tasks failed, as `task 0: …`. */
function listFailures(state: ConnectorState): readonly string[] {
  const own = state.state === 'FAILED' ? [`connector: ${state.fault ?? 'no trace'}`] : []
  const tasks = state.tasks
    .filter((task) => task.state === 'FAILED')
    .map((task) => `task ${task.id}: ${task.fault ?? 'no trace'}`)
  return [...own, ...tasks]
}

const LINES_MAX = 12

function failedError(
  connector: Pick<DesiredConnector, 'name' | 'secrets'>,
  state: ConnectorState | undefined,
  what: string,
): CcsError {
  const lines = state ? listFailures(state).join('\n').split('\n').slice(0, LINES_MAX) : []
  const trace = redactSecrets(lines.join('\n  '), connector)
  const now = state ? ` (${summarize(state)})` : ''
  const message = `Connector ${connector.name} ${what}${now}${trace === '' ? '.' : `:\n  ${trace}`}`
  return new CcsError('CCS_CONNECTOR_FAILED', message, {
    hint: `Fix the cause, then: ccs sink restart ${connector.name}`,
  })
}

/** A connector of the project or of the cluster, as `ccs sink ls --json` prints it. */
export interface Sink {
  readonly name: string
  /** null: the project has no file for it. */
  readonly file: string | null
  readonly class: string
  /**
   * Connect's state; `ABSENT` if it doesn't exist, `SKIPPED` if the cluster
   * can't or need not run it.
   */
  readonly state: string
  /** Why it is skipped. */
  readonly reason: string | null
  readonly tasks: readonly { readonly id: number; readonly state: string }[]
  readonly faults: readonly string[]
  readonly topics: readonly string[]
  /** Records that it has not committed yet; null: unknown. */
  readonly lag: number | null
  /** Settings that differ from the project's file. */
  readonly changes: readonly SettingChange[]
}

/** The project's connectors, and the log for computing lag. */
export interface SinkSources extends Pick<ConnectorChoice, 'chosen' | 'skipped'> {
  /** undefined: the ends of topics are unknown. */
  readonly log: Pick<EventLog, 'partitions' | 'range'> | undefined
}

/** Lists all connectors of the project and of the cluster, the project's first. */
export async function listSinks(
  connect: ConnectCluster,
  { chosen, skipped, log }: SinkSources,
): Promise<readonly Sink[]> {
  const states = new Map((await connect.connectors()).map((one) => [one.name, one]))
  const sinks: Sink[] = []
  for (const desired of chosen) {
    const state = states.get(desired.name)
    states.delete(desired.name)
    sinks.push(
      state
        ? await describeSink(connect, state, desired, log)
        : notRunningSink(desired, 'ABSENT', null),
    )
  }
  for (const { connector, reason } of skipped) {
    if (!states.has(connector.name)) sinks.push(notRunningSink(connector, 'SKIPPED', reason))
  }
  for (const state of states.values())
    sinks.push(await describeSink(connect, state, undefined, log))
  return sinks
}

function notRunningSink(desired: DesiredConnector, state: string, reason: string | null): Sink {
  return {
    name: desired.name,
    file: desired.file,
    class: desired.class,
    state,
    reason,
    tasks: [],
    faults: [],
    topics: desired.topics,
    lag: null,
    changes: [],
  }
}

async function describeSink(
  connect: ConnectCluster,
  state: ConnectorState,
  desired: DesiredConnector | undefined,
  log: SinkSources['log'],
): Promise<Sink> {
  const offsets = log ? await readSinkOffsets(connect, state, log) : []
  const lags = offsets.map((one) => one.lag)
  const known = lags.filter((lag) => lag !== null)
  return {
    name: state.name,
    file: desired?.file ?? null,
    class: state.config['connector.class'] ?? '',
    state: state.state,
    reason: null,
    tasks: state.tasks.map(({ id, state: word }) => ({ id, state: word })),
    faults: listFailures(state).map((one) => (desired ? redactSecrets(one, desired) : one)),
    topics: readTopics(state.config),
    lag:
      lags.length > 0 && known.length === lags.length
        ? known.reduce((sum, lag) => sum + lag, 0)
        : null,
    changes: desired ? diffConnector(desired, state.config) : [],
  }
}

/** How far a sink is in a partition. */
export interface SinkOffset {
  readonly topic: string
  readonly partition: number
  /** Next offset to read; null: nothing was committed. */
  readonly committed: number | null
  /** Offset after the last record; null: unknown. */
  readonly end: number | null
  readonly lag: number | null
}

/** Returns a connector's position by partition. Transaction markers count as records of the lag. */
export async function readSinkOffsets(
  connect: ConnectCluster,
  { name, config }: Pick<ConnectorState, 'name' | 'config'>,
  log: SinkSources['log'],
): Promise<readonly SinkOffset[]> {
  const committed = await connect.offsets(name)
  const found = new Map(committed.map((one) => [`${one.topic}/${one.partition}`, one.committed]))
  const rows = new Map<string, SinkOffset>()
  for (const { topic, partition, committed: at } of committed)
    rows.set(`${topic}/${partition}`, { topic, partition, committed: at, end: null, lag: null })
  for (const topic of new Set([
    ...parseList(config.topics ?? ''),
    ...committed.map((one) => one.topic),
  ]))
    for (const partition of (await log?.partitions(topic)) ?? []) {
      const { start, end } = (await log?.range(topic, partition)) ?? { start: 0, end: 0 }
      const at = found.get(`${topic}/${partition}`) ?? null
      const lag = Math.max(0, end - Math.max(at ?? start, start))
      rows.set(`${topic}/${partition}`, { topic, partition, committed: at, end, lag })
    }
  return [...rows.values()].sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
}

/**
 * Finds a connector by its name with or without the target's prefix; throws CCS_CONNECTOR_MISSING.
 */
export async function findSink(
  connect: ConnectCluster,
  name: string,
  prefix: string,
): Promise<ConnectorState> {
  const states = await connect.connectors()
  const found = [name, `${prefix}${name}`].flatMap((one) => states.filter((s) => s.name === one))
  if (found[0]) return found[0]
  const names = states.map((one) => one.name).join(', ')
  throw new CcsError('CCS_CONNECTOR_MISSING', `Kafka Connect has no connector ${name}.`, {
    hint: names === '' ? 'It has none; ccs deploy creates them.' : `It has: ${names}.`,
  })
}
