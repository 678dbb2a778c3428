/**
 * The composition root of `ccs gen` and `ccs verify`: the log's writers, the encoder of events.raw and the
 * truth file. It needs neither the SQL models nor a DuckDB.
 */

import { systemClock } from '../adapters/process/system-clock.ts'
import type { Encoder } from '../domain/avro/encoder.ts'
import type { SchemaRegistry } from '../domain/avro/schema-registry.ts'
import { addPrefix } from '../domain/config/target.ts'
import type { Event } from '../domain/events/contracts.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { EventLog, LogWriter } from '../domain/log/event-log.ts'
import { RAW_TOPIC, subjectFor } from '../domain/log/topics.ts'
import type { ArrivalSink } from '../generate/log-sink.ts'
import type { TruthRecorder } from '../generate/truth-recorder.ts'
import type { Project } from '../project.ts'
import { openProjectStore, openRegistry } from './targets/log.ts'

export { readTruthFile, writeTruthFile } from '../adapters/files/truth-file.ts'

/** A sink that must be closed. */
export interface OpenSink {
  readonly sink: ArrivalSink
  /** How many partitions visitors are spread over. */
  readonly partitions: number
  close(): Promise<void>
}

export interface LogSinkOpening {
  readonly seed: number
  /** All that the topic has when undefined; one in a log on disk. */
  readonly partitions?: number | undefined
  /** Refuses a log that holds records already: the truth of a run is that of all records. */
  readonly mustBeEmpty: boolean
  /** A full disk is waited out until this is aborted, and so is a Kafka that is away. */
  readonly signal: AbortSignal
  /** A Kafka that is away for longer is an error. */
  readonly kafkaMs?: number
  readonly onNotice: (text: string) => void
}

/** Takes the lock of each partition; CCS_LOG_LOCKED while another writes. */
export async function openLogSink(project: Project, opening: LogSinkOpening): Promise<OpenSink> {
  const { LogSink } = await import('../generate/log-sink.ts')
  const { OutageHandler } = await import('../domain/pipeline/outage-handler.ts')
  const outage = new OutageHandler(systemClock(), opening.onNotice, opening)
  opening.signal.addEventListener('abort', () => outage.stopWaiting(), { once: true })
  const through = <T>(run: () => Promise<T>) => outage.retryWhileUnavailable('gen', run)
  const encode = await openEncoder(await openRegistry(project))
  const { log } = await openProjectStore(project, through)
  const writers: LogWriter[] = []
  const close = async () => {
    for (const writer of writers) await writer.close()
    await log.close()
  }
  let partitions = opening.partitions ?? 1
  try {
    if (opening.partitions === undefined && project.target.kafka)
      partitions = Math.max(1, (await log.partitions(RAW_TOPIC)).length)
    if (opening.mustBeEmpty) await refuseRecords(project, log)
    for (let partition = 0; partition < partitions; partition++) {
      writers.push(await log.writer(RAW_TOPIC, partition, 'ccs gen'))
    }
  } catch (error) {
    await close()
    throw error
  }
  const sink = new LogSink({
    writers,
    encode,
    seed: opening.seed,
    nowMs: () => Date.now(),
    // A writer to Kafka repeats by itself, what it had not written: an append as a whole would come twice.
    ...(project.target.kafka ? {} : { runAppend: through }),
  })
  return { sink, partitions, close }
}

async function refuseRecords({ target, dataDir }: Project, log: EventLog): Promise<void> {
  const place = target.kafka
    ? { name: `topic ${addPrefix(target, RAW_TOPIC)}`, hint: 'Begin with a new topic.' }
    : { name: `log in ${dataDir}`, hint: 'Begin with an empty data directory: --data DIR' }
  for (const partition of await log.partitions(RAW_TOPIC)) {
    const { end } = await log.range(RAW_TOPIC, partition)
    if (end === 0) continue
    const message = `The ${place.name} holds ${end} records already, and --truth knows only its own.`
    throw new CcsError('CCS_USAGE_INVALID', message, {
      exit: EXIT.usage,
      hint: place.hint,
    })
  }
}

/** Events as NDJSON to `write`, which gets whole lines without the last line end. */
export async function openLineSink(
  project: Project,
  seed: number,
  write: (text: string) => Promise<void>,
): Promise<OpenSink> {
  const { LineSink } = await import('../generate/line-sink.ts')
  const { openFilesRegistry } = await import('../adapters/registry/files-registry.ts')
  const encode = await openEncoder(await openFilesRegistry(`${project.dir}/schemas`))
  const sink = new LineSink({ write, encode, seed })
  return { sink, partitions: 1, close: async () => {} }
}

/** Of the newest schema, by the id that it has in the registry. */
async function openEncoder(registry: SchemaRegistry): Promise<Encoder<Event>> {
  const { compileEncoder } = await import('../domain/avro/encoder.ts')
  const newest = (await registry.versions(subjectFor(RAW_TOPIC))).at(-1)
  if (newest !== undefined) return compileEncoder<Event>(newest.schema, newest.id)
  throw new CcsError('CCS_SCHEMA_INVALID', `schemas/ has no ${RAW_TOPIC}.avsc.`)
}

export async function openRecorder(
  project: Project,
  of: { readonly seed: number; readonly partitions: number },
): Promise<(startMs: number) => TruthRecorder> {
  const { TruthRecorder } = await import('../generate/truth-recorder.ts')
  const { timezone } = project.config
  return (startMs) => new TruthRecorder({ ...of, startMs, timezone })
}
