/**
 * Reads what `ccs doctor` checks of a Flink: versions, slots, memory, settings. Which jars there
 * are is found out by statements that change nothing: a table and a function of one session, their
 * EXPLAIN, and one job that reads no record.
 */
import { CcsError } from '../../../domain/kernel/errors.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import { FUNCTIONS } from '../compile/ddl.ts'
import type { Naming } from '../plan/names.ts'
import type { FlinkGateway, GatewaySession } from './gateway.ts'
import { StatementRefused } from './gateway-error.ts'
import type { ClusterOverview, JobSummary, TaskManagerState } from './job-answers.ts'
import type { FlinkJobManager } from './job-manager.ts'

/** What a Flink says about itself. */
export interface FlinkState {
  readonly gateway: { readonly url: string; readonly version: string }
  readonly jobManagerUrl: string
  readonly overview: ClusterOverview
  readonly taskManagers: readonly TaskManagerState[]
  /** Of the JobManager, by Flink's names. */
  readonly settings: Readonly<Record<string, string>>
  /** Jobs of the target that have not ended. */
  readonly jobs: readonly JobSummary[]
  /** What the gateway said of each thing that the models need; undefined: it has it. */
  readonly faults: Readonly<Record<FlinkNeed, string | undefined>>
  readonly trial: TrialJob
}

/** What models need of Flink beside Flink itself. */
export type FlinkNeed = 'connector' | 'format' | 'functions' | 'timezone'

/** A job that reads a topic from its end to its end. */
export type TrialJob =
  | { readonly tookMs: number }
  | { readonly fault: string }
  | { readonly skipped: string }

/** What is asked of it. */
export interface FlinkQuestion {
  /** Where Flink finds Kafka and the registry. */
  readonly servers: Omit<Naming, 'prefix' | 'version'>
  /** Time zone of the project. */
  readonly timezone: string
  /** How names of the target's jobs begin. */
  readonly jobStart: string
  /** A topic to read nothing of; it need not exist. */
  readonly topic: string
}

const TRIAL_MAX_MS = 60_000
const UNKNOWN_TOPIC = /does not host this topic|unknown topic/i
const ITEMS = 'ARRAY<ROW<unit_price_minor BIGINT, quantity INT, discount_minor BIGINT>>'

/** Throws CCS_ENGINE_UNREACHABLE where gateway or JobManager do not answer. */
export async function inspectFlink(
  gateway: FlinkGateway,
  manager: FlinkJobManager,
  question: FlinkQuestion,
): Promise<FlinkState> {
  const version = await gateway.readVersion()
  const [overview, settings, taskManagers, jobs] = await Promise.all([
    manager.readOverview(),
    manager.readSettings(),
    manager.readTaskManagers(),
    manager.listJobs(),
  ])
  // Batch: a job that reads no record ends without a checkpoint.
  const session = await gateway.openSession({ 'execution.runtime-mode': 'batch' })
  try {
    const faults = await findFaults(session, question)
    return {
      gateway: { url: gateway.url, version },
      jobManagerUrl: manager.url,
      ...{ overview, settings, taskManagers, faults },
      jobs: jobs.filter(({ name, endMs }) => name.startsWith(question.jobStart) && endMs === null),
      trial: await runTrial(session, question, { overview, faults }),
    }
  } finally {
    await session.close()
  }
}

async function findFaults(
  session: GatewaySession,
  { servers, timezone }: FlinkQuestion,
): Promise<FlinkState['faults']> {
  const connector = await explainFault(session, [
    printTable('ccs_doctor_raw', 'line STRING', servers, [['format', 'raw']]),
    'EXPLAIN SELECT line FROM ccs_doctor_raw',
  ])
  // The format is looked for only by a connector that is there.
  const explainFormat = () =>
    explainFault(session, [
      printTable('ccs_doctor_avro', 'line STRING', servers, printAvro(servers)),
      'EXPLAIN SELECT line FROM ccs_doctor_avro',
    ])
  return {
    connector,
    format: connector ?? (await explainFormat()),
    functions: await explainFault(
      session,
      FUNCTIONS.map(({ sql }) => sql),
    ),
    timezone: await explainFault(session, [`SET 'table.local-time-zone' = ${quoteText(timezone)}`]),
  }
}

async function runTrial(
  session: GatewaySession,
  { servers, topic }: FlinkQuestion,
  { overview, faults }: Pick<FlinkState, 'overview' | 'faults'>,
): Promise<TrialJob> {
  if (faults.connector ?? faults.format ?? faults.functions) return { skipped: 'jars are missing' }
  if (overview.freeSlots < 1) return { skipped: 'no slot is free' }
  const startMs = Date.now()
  const fault = await explainFault(session, [
    "SET 'table.local-time-zone' = 'UTC'",
    printTable('ccs_doctor', `items ${ITEMS}`, servers, printAvro(servers), topic),
    'SELECT lines_revenue(items), lines_units(items) FROM ccs_doctor',
  ])
  if (fault === undefined) return { tookMs: Date.now() - startMs }
  return UNKNOWN_TOPIC.test(fault) ? { skipped: `${topic} is not there yet` } : { fault }
}

/** A table whose reader begins and ends at the end of its topic. */
function printTable(
  name: string,
  columns: string,
  { brokers, brokerOptions }: FlinkQuestion['servers'],
  format: readonly (readonly [string, string])[],
  topic = 'none',
): string {
  const options = [
    ['connector', 'kafka'],
    ['topic', topic],
    ['properties.bootstrap.servers', brokers],
    ...brokerOptions.map(([key, value]) => [`properties.${key}`, value]),
    ['scan.startup.mode', 'latest-offset'],
    ['scan.bounded.mode', 'latest-offset'],
    ...format,
  ].map(([key = '', value = '']) => `${quoteText(key)} = ${quoteText(value)}`)
  return `CREATE TEMPORARY TABLE ${name} (${columns}) WITH (${options.join(', ')})`
}

function printAvro({
  registryUrl,
  registryOptions,
}: FlinkQuestion['servers']): readonly (readonly [string, string])[] {
  return [
    ['value.format', 'avro-confluent'],
    ['value.avro-confluent.url', registryUrl],
    ...registryOptions.map(([key, value]) => [`value.avro-confluent.${key}`, value] as const),
  ]
}

/** What is wrong with one of these statements; undefined: they all can be executed. */
async function explainFault(
  session: GatewaySession,
  statements: readonly string[],
): Promise<string | undefined> {
  try {
    for (const sql of statements) await session.execute(sql, { waitMaxMs: TRIAL_MAX_MS })
    return undefined
  } catch (error) {
    if (error instanceof StatementRefused) return error.fault.message
    if (error instanceof CcsError) return error.message.replace(/\.$/, '')
    throw error
  }
}
