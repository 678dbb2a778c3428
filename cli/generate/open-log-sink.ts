/** Opens the log that events are generated into: one writer for each of its partitions. */
import type { Encoder } from '../domain/avro/encoder.ts'
import { addPrefix } from '../domain/config/target.ts'
import type { Event } from '../domain/events/contracts.ts'
import { type Closable, openAll } from '../domain/kernel/closers.ts'
import { CcsError } from '../domain/kernel/errors.ts'
import type { EventLog, LogWriter } from '../domain/log/event-log.ts'
import { RAW_TOPIC } from '../domain/log/topics.ts'
import { type ArrivalSink, LogSink } from './log-sink.ts'

/** A sink that must be closed. */
export interface OpenSink extends Closable {
  readonly sink: ArrivalSink
  /** How many partitions visitors are spread over. */
  readonly partitions: number
}

/** How events are written. */
export interface LogSinkOpening {
  readonly seed: number
  /** By default all that the topic has; one in a log on disk. */
  readonly partitions?: number | undefined
  /** Refuses a log that holds records already: the truth of a run is that of all records. */
  readonly mustBeEmpty: boolean
}

/** The log, and how its records are encoded. */
export interface LogSinkPorts {
  readonly log: EventLog
  readonly encode: Encoder<Event>
  readonly nowMs: () => number
  readonly target: { readonly prefix: string; readonly kafka?: unknown }
  readonly dataDir: string
  /** Repeats an append while the log is unavailable. */
  readonly runAppend: (append: () => Promise<number>) => Promise<number>
}

/** Takes the lock of each partition; CCS_LOG_LOCKED while another writes. Closes the log too. */
export function openLogSink(ports: LogSinkPorts, opening: LogSinkOpening): Promise<OpenSink> {
  const { log, encode, nowMs, target, runAppend } = ports
  return openAll(async (closers) => {
    closers.add(() => log.close())
    const partitions = opening.partitions ?? (await countPartitions(ports))
    if (opening.mustBeEmpty) await refuseRecords(ports)
    const writers: LogWriter[] = []
    for (let partition = 0; partition < partitions; partition++) {
      const writer = await log.writer(RAW_TOPIC, partition, 'ccs gen')
      writers.push(writer)
      closers.add(() => writer.close())
    }
    const sink = new LogSink({
      ...{ writers, encode, seed: opening.seed, nowMs },
      // A writer to Kafka repeats what was not written by itself; repeating the whole append
      // would duplicate the rest.
      ...(target.kafka ? {} : { runAppend }),
    })
    return { sink, partitions }
  })
}

async function countPartitions({ log, target }: LogSinkPorts): Promise<number> {
  return target.kafka ? Math.max(1, (await log.partitions(RAW_TOPIC)).length) : 1
}

async function refuseRecords({ log, target, dataDir }: LogSinkPorts): Promise<void> {
  const place = target.kafka
    ? { name: `topic ${addPrefix(target, RAW_TOPIC)}`, hint: 'Begin with a new topic.' }
    : { name: `log in ${dataDir}`, hint: 'Begin with an empty data directory: --data DIR' }
  for (const partition of await log.partitions(RAW_TOPIC)) {
    const { end } = await log.range(RAW_TOPIC, partition)
    if (end === 0) continue
    const message = `The ${place.name} already has ${end} records; --truth knows only its own.`
    throw new CcsError('CCS_USAGE_INVALID', message, { hint: place.hint })
  }
}
