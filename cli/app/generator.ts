/**
 * Composition of `ccs gen` and `ccs verify`: the log's writers, the encoder of events.raw and the
 * truth file. It needs neither the SQL models nor a DuckDB.
 */
import { systemClock } from '../adapters/process/system-clock.ts'
import type { Truth } from '../domain/audit/truth.ts'
import type { SchemaRegistry } from '../domain/avro/schema-registry.ts'
import type { Event } from '../domain/events/contracts.ts'
import { RAW_TOPIC } from '../domain/log/topics.ts'
import type { LogSinkOpening, OpenSink } from '../generate/open-log-sink.ts'
import type { TruthRecorder } from '../generate/truth-recorder.ts'
import type { Project } from '../project.ts'
import { openProjectStore, openRegistry } from './targets/log.ts'

/** What waits for a log that is unavailable. */
interface Waiting {
  /** A full disk is waited out until this is aborted, and so is an unreachable Kafka. */
  readonly signal: AbortSignal
  /** A Kafka that is unreachable for longer is an error. */
  readonly kafkaMs?: number
  readonly onNotice: (text: string) => void
}

/** Takes the lock of each partition; CCS_LOG_LOCKED while another writes. */
export async function openLogSink(
  project: Project,
  opening: LogSinkOpening & Waiting,
): Promise<OpenSink> {
  const [generator, { OutageHandler }] = await Promise.all([
    import('../generate/open-log-sink.ts'),
    import('../domain/pipeline/outage-handler.ts'),
  ])
  const { target, dataDir } = project
  const outage = new OutageHandler(systemClock(), opening.onNotice, opening)
  opening.signal.addEventListener('abort', () => outage.stopWaiting(), { once: true })
  const runAppend = <T>(run: () => Promise<T>) => outage.retryWhileUnavailable('gen', run)
  const encode = await openEncoder(await openRegistry(project))
  const { log } = await openProjectStore(project, runAppend)
  const nowMs = () => Date.now()
  return generator.openLogSink({ log, encode, nowMs, target, dataDir, runAppend }, opening)
}

/** Events as NDJSON to `write`, which gets whole lines without the last line end. */
export async function openLineSink(
  project: Project,
  seed: number,
  write: (text: string) => Promise<void>,
): Promise<OpenSink> {
  const [{ LineSink }, { openFilesRegistry }] = await Promise.all([
    import('../generate/line-sink.ts'),
    import('../adapters/registry/files-registry.ts'),
  ])
  const encode = await openEncoder(await openFilesRegistry(`${project.dir}/schemas`))
  return { sink: new LineSink({ write, encode, seed }), partitions: 1, close: async () => {} }
}

/** Of the newest schema, by the id that it has in the registry. */
async function openEncoder(registry: SchemaRegistry) {
  const [{ compileEncoder }, { requireVersions }] = await Promise.all([
    import('../domain/avro/encoder.ts'),
    import('../domain/avro/schema-registry.ts'),
  ])
  const { newest } = await requireVersions(registry, RAW_TOPIC)
  return compileEncoder<Event>(newest.schema, newest.id)
}

/** Makes the recorder of the truth once it is known when the run starts. */
export async function openRecorder(
  project: Project,
  of: { readonly seed: number; readonly partitions: number },
): Promise<(startMs: number) => TruthRecorder> {
  const { TruthRecorder } = await import('../generate/truth-recorder.ts')
  const { timezone } = project.config
  return (startMs) => new TruthRecorder({ ...of, startMs, timezone })
}

/** Reads the truth file of `ccs gen`. */
export async function readTruth(file: string): Promise<Truth> {
  return (await import('../adapters/files/truth-file.ts')).readTruthFile(file)
}

/** Writes the truth file. */
export async function writeTruth(file: string, truth: Truth): Promise<void> {
  await (await import('../adapters/files/truth-file.ts')).writeTruthFile(file, truth)
}
