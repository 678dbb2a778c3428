/**
 * Fills a project's job with the names and addresses of one target, and sets what every job of ccs
 * runs with.
 */
import type { JobSettings } from '../../../domain/config/target.ts'
import type { Location } from '../../../domain/kernel/errors.ts'
import type { Model } from '../../../domain/models/model.ts'
import type { JobScript, PlacedStatement } from '../client/flink-cluster.ts'
import type { LocateInFile } from '../client/gateway-error.ts'
import { locateInModel } from '../compile/places.ts'
import type { ModelStatement, ProjectJob } from '../compile/project-job.ts'
import { STATE_TTL } from './compiled-plan.ts'
import { fillStatement, type Naming } from './names.ts'

/** How a job is submitted. */
export interface Submission {
  readonly name: string
  readonly settings: Pick<JobSettings, 'parallelism' | 'checkpointMs'>
  /** Where the state is that it begins with; undefined: none. */
  readonly state?: string
  /** Whether the saved state may have parts that the job has no use for. */
  readonly dropsState?: boolean
}

/** The settings of a job; whoever runs Flink need not know them. */
export function printJobProperties({
  name,
  settings,
  state,
  dropsState = false,
}: Submission): Readonly<Record<string, string>> {
  const { parallelism, checkpointMs } = settings
  return {
    'pipeline.name': name,
    'execution.runtime-mode': 'streaming',
    'parallelism.default': String(parallelism),
    'pipeline.object-reuse': 'true',
    'execution.checkpointing.interval': `${checkpointMs} ms`,
    'execution.checkpointing.mode': 'EXACTLY_ONCE',
    'execution.checkpointing.timeout': '10 min',
    'execution.checkpointing.tolerable-failed-checkpoints': '10',
    // A job that somebody cancels can go on.
    'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
    'restart-strategy.type': 'exponential-delay',
    'restart-strategy.exponential-delay.initial-backoff': '1 s',
    'restart-strategy.exponential-delay.max-backoff': '1 min',
    // A plan has the names of the first version, and no secrets: tables are those of the session.
    'table.plan.restore.catalog-objects': 'IDENTIFIER',
    'table.dml-sync': 'false',
    ...(state === undefined
      ? {}
      : {
          'execution.state-recovery.path': state,
          'execution.state-recovery.ignore-unclaimed-state': String(dropsState),
        }),
  }
}

/** Each operator of the plan has its own time to live (state-ttl.ts); no other may apply. */
const NO_SHARED_TTL: PlacedStatement = { sql: `SET '${STATE_TTL}' = '0 ms'` }

/** The statements of the job, with the names and addresses of the target filled in. */
export function toJobScript(
  { head, views, sinks }: ProjectJob,
  naming: Naming,
  properties: Readonly<Record<string, string>>,
): JobScript {
  const place = (one: ModelStatement): PlacedStatement => ({
    sql: fillStatement(one.sql, naming),
    locate: locateIn(one),
  })
  return {
    properties,
    tables: [...[...head, ...sinks.map((one) => one.table)].map(place), NO_SHARED_TTL],
    views: views.map(place),
    inserts: sinks.map((one) => place(one.insert)),
  }
}

/**
 * Finds the place in the model's file of a place in the statement that was compiled from it: the
 * line that names the same column, or else the SELECT's first line.
 */
function locateIn(statement: ModelStatement): LocateInFile {
  const { model, sql, places } = statement
  const lines = sql.split('\n')
  return (line, column) => {
    if (places !== undefined) return locateInModel(model, statement, line, column)
    const printed = lines[line - 1] ?? ''
    const name = /`(\w+)`,?\s*$/.exec(printed)?.[1]
    return locateColumn(model, name)
  }
}

function locateColumn({ file, text, sqlLine }: Model, name: string | undefined): Location {
  const lines = text.split('\n')
  const isNamed = (line: string) => name !== undefined && new RegExp(`\\b${name}\\b`).test(line)
  const found = lines.findIndex((line, index) => index >= sqlLine - 1 && isNamed(line))
  const line = found < 0 ? sqlLine : found + 1
  const shown = lines[line - 1] ?? ''
  const column = found < 0 || name === undefined ? 1 : shown.lastIndexOf(name) + 1
  return { file, line, column, text: shown }
}
