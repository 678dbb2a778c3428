/**
 * Starts a pipeline on a data directory: takes its lock, checks what the last commit left there,
 * opens the engine on it, and closes everything again in reverse order.
 */
import { type Retention, toRetention } from '../config/retention.ts'
import { addPrefix } from '../config/target.ts'
import type { FailingRecord } from '../gate/failing-record.ts'
import { compileRejectCodec } from '../gate/reject-codec.ts'
import { type OriginFinder, openRejectWriter, type RejectWriter } from '../gate/reject-writer.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Closable, type Closers, openAll } from '../kernel/closers.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import type { CompressPorts, CompressResult } from '../lake/compress-log.ts'
import type { Lake, ManifestStore } from '../lake/lake.ts'
import type { Manifest } from '../lake/manifest.ts'
import { type PrunePorts, type PruneResult, pruneBeside } from '../lake/prune.ts'
import type { Scrub } from '../lake/scrub.ts'
import type { EventLog } from '../log/event-log.ts'
import { DLQ_TOPIC, RAW_TOPIC } from '../log/topics.ts'
import type { Logic } from '../models/logic.ts'
import type { BatchEngine } from './batch-engine.ts'
import { createHourlyPruning } from './hourly-pruning.ts'
import { LogCompressor } from './log-compressor.ts'
import { Pipeline } from './pipeline.ts'
import type { PipelineOptions, PipelineParts } from './pipeline-ports.ts'
import { Turns } from './turns.ts'

/** The lock of the data directory. */
interface HeldLock {
  readonly warning: string | undefined
  /** Throws once the data directory, or the lock in it, is gone. */
  requireHeld(): Promise<void>
  release(): Promise<void>
}

/** A running engine asks for its lock this often. */
const LOCK_CHECK_MS = 1_000

/** The data directory, and what opens the parts of the pipeline on it. */
export interface StartPorts<E extends BatchEngine> {
  /** What the loop waits by. */
  readonly clock: Clock
  readonly store: {
    readonly log: EventLog
    readonly lake: Lake
    readonly manifests: ManifestStore
    readonly onCommit?: PipelineParts['onCommit']
  }
  readonly outage: NonNullable<PipelineParts['outage']>
  takeLock(): Promise<HeldLock>
  /** Throws where other logic made the rows of the manifest. */
  checkLogic(manifest: Manifest | undefined): void
  /** `failing` were set aside after that commit; they are rejected. */
  openEngine(manifest: Manifest | undefined, failing: readonly FailingRecord[]): Promise<E>
  /** undefined where nobody else can register a schema while the engine runs. */
  openSchemaRefresher(): Promise<PipelineParts['refreshSchemas']>
  readonly findOrigins: OriginFinder
  /** What retention and compression work on. */
  readonly logFiles: PrunePorts & CompressPorts
  openScrub(loop: { readonly isIdle: () => boolean }): Scrub
  /** undefined where nobody reads Gold's changes. */
  openPublisher(parts: {
    readonly engine: E
    readonly pipeline: Pipeline
    readonly manifest?: Manifest
  }): Promise<Closable | undefined>
}

/** Who runs the pipeline, and what it commits. */
export interface StartOptions
  extends Pick<PipelineOptions, 'checkpointMs' | 'checkpointRows' | 'logic' | 'onNotice'> {
  /** Shown to whoever meets the lock. */
  readonly owner: string
  readonly dlqSchemas: Logic['dlqSchemas']
  /** Of a log that creates no topics by itself: then both have to exist. */
  readonly target?: { readonly name: string; readonly prefix: string }
  /** Of a log that ccs keeps itself: what is removed after commits. */
  readonly retention?: Retention
  /** Of such a log too: whether closed segments are compressed. */
  readonly compressesLog?: boolean
}

/** A pipeline that was started, and its engine. */
export interface StartedPipeline<E extends BatchEngine> extends Closable {
  readonly pipeline: Pipeline
  readonly engine: E
  /** Removes at once what this retention, a client's, no longer keeps. */
  prune(retention: object): Promise<PruneResult>
  /** Compresses at once what may be compressed of the log. */
  compressLog(): Promise<CompressResult>
  readonly scrub: Scrub
}

/** Closes the log too. Throws what the ports throw, and CCS_KAFKA_TOPIC for a missing topic. */
export function startPipeline<E extends BatchEngine>(
  ports: StartPorts<E>,
  options: StartOptions,
): Promise<StartedPipeline<E>> {
  return openAll(async (closers) => {
    const { log, lake, manifests } = ports.store
    closers.add(() => log.close())
    const lock = await ports.takeLock()
    closers.add(() => lock.release())
    if (lock.warning !== undefined) options.onNotice?.(lock.warning)
    const manifest = await manifests.load()
    ports.checkLogic(manifest)
    if (options.target) await requireTopics(log, options.target)
    if (manifest) await lake.finalize(manifest)
    const { engine, pipeline, publish, prune, compressor } = await openLoop(
      ports,
      options,
      { manifest, lock },
      closers,
    )
    await publish(manifest)
    const scrub = ports.openScrub({ isIdle: () => pipeline.isIdle })
    const stop = new AbortController()
    const idleWork = [
      scrub.run(stop.signal),
      ...(options.compressesLog ? [compressor.run(stop.signal)] : []),
    ]
    closers.add(async () => {
      stop.abort()
      await Promise.all(idleWork)
    })
    return {
      ...{ pipeline, engine, scrub },
      prune: (retention) => prune(toRetention(retention)),
      compressLog: () => compressor.compressNow(),
    }
  })
}

async function openLoop<E extends BatchEngine>(
  ports: StartPorts<E>,
  options: StartOptions,
  { manifest, lock }: { readonly manifest: Manifest | undefined; readonly lock: HeldLock },
  closers: Closers,
): Promise<{
  readonly engine: E
  readonly pipeline: Pipeline
  /** Starts to publish Gold from the state of this commit on, instead of from an earlier one. */
  readonly publish: (manifest: Manifest | undefined) => Promise<void>
  readonly prune: (retention: Retention) => Promise<PruneResult>
  readonly compressor: LogCompressor
}> {
  const { clock, store, outage } = ports
  const { log, lake, manifests, onCommit } = store
  const openRejects = createRejectsOpener(ports, options)
  let rejects = await openRejects(manifest)
  closers.add(() => rejects.close())
  const engine = await ports.openEngine(manifest, rejects.setAside)
  closers.add(() => engine.close())
  let publisher: Closable | undefined
  closers.add(() => publisher?.close())
  const publish = async (from: Manifest | undefined) => {
    publisher = await ports.openPublisher({ engine, pipeline, ...(from ? { manifest: from } : {}) })
  }
  const refreshSchemas = await ports.openSchemaRefresher()
  // Retention must not remove a file that is about to be replaced.
  const logTurns = new Turns()
  const prune = (some: Retention) =>
    logTurns.take(() => pruneBeside(pipeline, ports.logFiles, some))
  const pruneHourly = createHourlyPruning(options, clock, prune)
  const pipeline = new Pipeline(
    {
      ...{ clock, log, engine, lake, manifests, outage },
      requireLock: createLockCheck(lock, clock),
      writeRejects: (some) => rejects.write(some),
      restart: async (from, failing) => {
        await publisher?.close()
        await rejects.close()
        await engine.restart(from, failing)
        rejects = await openRejects(from)
        await publish(from)
        return rejects.replayedEnd
      },
      ...(refreshSchemas ? { refreshSchemas } : {}),
      onCommit: async (committed) => {
        await onCommit?.(committed)
        await pruneHourly()
      },
    },
    {
      ...{ ...options, topic: RAW_TOPIC, dlqEnd: rejects.replayedEnd },
      ...(manifest ? { manifest } : {}),
    },
  )
  const { onNotice = () => {} } = options
  const compressor = new LogCompressor({
    ...{ clock, engine: pipeline, files: ports.logFiles, onNotice },
    alone: (work) => logTurns.take(work),
  })
  return { engine, pipeline, publish, prune, compressor }
}

/** An engine without a directory would wait for events that nobody can write any more. */
function createLockCheck(lock: HeldLock, clock: Clock): () => Promise<void> {
  let dueMs = clock.elapsedMs() + LOCK_CHECK_MS
  return async () => {
    if (clock.elapsedMs() < dueMs) return
    dueMs = clock.elapsedMs() + LOCK_CHECK_MS
    await lock.requireHeld()
  }
}

/** Opens the writer of rejects behind a commit. */
function createRejectsOpener<E extends BatchEngine>(
  { store, findOrigins }: StartPorts<E>,
  { dlqSchemas, owner }: StartOptions,
): (manifest: Manifest | undefined) => Promise<RejectWriter> {
  const codec = compileRejectCodec(dlqSchemas)
  return (manifest) =>
    openRejectWriter(store.log, codec, {
      ...{ owner, findOrigins },
      ...(manifest ? { committed: manifest } : {}),
    })
}

/** Without its topic the loop would wait in silence. */
async function requireTopics(
  log: EventLog,
  target: NonNullable<StartOptions['target']>,
): Promise<void> {
  for (const topic of [RAW_TOPIC, DLQ_TOPIC]) {
    if ((await log.partitions(topic)).length > 0) continue
    const message = `There is no topic ${addPrefix(target, topic)} on target "${target.name}".`
    throw new CcsError('CCS_KAFKA_TOPIC', message, {
      exit: EXIT.usage,
      hint: `Make what the project needs: ccs deploy --target ${target.name}`,
    })
  }
}
