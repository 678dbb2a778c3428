/**
 * The embedded log: topics of append-only partitions as files, without a server, named
 * `<topic>-<partition>/<base offset, 20 digits>.log`. frame.ts defines the format, durable-end.ts
 * how far readers may read.
 */
import { join } from 'node:path'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { EventLog } from '../../domain/log/event-log.ts'
import { type Files, listNames } from '../files/files.ts'
import { type Processes, systemProcesses } from '../files/process-id.ts'
import { DurableEnd } from './durable-end.ts'
import { type Partition, PartitionReader } from './partition-reader.ts'
import { openPartitionWriter } from './partition-writer.ts'
import { listSegments } from './segment.ts'

/** Where a log lies. */
export interface LocalLogOptions {
  readonly dir: string
  readonly files: Files
  /** After so many bytes the next segment begins; 256 MiB by default. */
  readonly segmentBytes?: number
  /** And when its first record is so old; a day by default. */
  readonly segmentMs?: number
  readonly processes?: Processes
}

const SEGMENT_BYTES = 256 * 1024 * 1024
const SEGMENT_MS = 86_400_000

/** Touches no file until it is used; closing it closes its readers and writers. */
export function openLocalLog(options: LocalLogOptions): EventLog {
  const { dir, files, segmentBytes = SEGMENT_BYTES, segmentMs = SEGMENT_MS } = options
  const processes = options.processes ?? systemProcesses()
  const open = new Set<Closable>()
  return {
    partitions: (topic) => listPartitions(files, dir, topic),

    identity: async () => null,

    async range(topic, partition) {
      const place = locatePartition(dir, topic, partition)
      const start = (await listSegments(files, place.dir))[0]
      if (start === undefined) return { start: 0, end: 0 }
      const durable = new DurableEnd(files, place.dir, processes)
      try {
        return { start, end: await durable.refresh() }
      } finally {
        await durable.close()
      }
    },

    async reader(topic, partition, fromOffset) {
      const place = locatePartition(dir, topic, partition)
      const reader = new PartitionReader(files, place, fromOffset, processes)
      try {
        await reader.open()
        return track(open, reader)
      } catch (error) {
        await reader.close()
        throw error
      }
    },

    async writer(topic, partition, owner) {
      const place = locatePartition(dir, topic, partition)
      const options = { files, processes, segmentBytes, segmentMs, owner }
      return track(open, await openPartitionWriter(place, options))
    },

    async close() {
      for (const one of [...open]) await one.close()
    },
  }
}

interface Closable {
  close(): Promise<void>
}

/** Holds `one` in `open` until it is closed. */
function track<T extends Closable>(open: Set<Closable>, one: T): T {
  const close = one.close.bind(one)
  one.close = () => {
    open.delete(one)
    return close()
  }
  open.add(one)
  return one
}

function locatePartition(dir: string, topic: string, partition: number): Partition {
  if (!/^[\w-][\w.-]*$/.test(topic) || !Number.isSafeInteger(partition) || partition < 0) {
    throw new CcsError('CCS_USAGE_INVALID', `${topic}-${partition} is not a topic's partition.`, {
      hint: 'Topic names have letters, digits, ".", "_" and "-"; partitions count from 0.',
    })
  }
  return { topic, partition, dir: join(dir, `${topic}-${partition}`) }
}

async function listPartitions(files: Files, dir: string, topic: string): Promise<number[]> {
  return (await listNames(files, dir))
    .filter((name) => name.startsWith(`${topic}-`) && /^\d+$/.test(name.slice(topic.length + 1)))
    .map((name) => Number(name.slice(topic.length + 1)))
    .sort((a, b) => a - b)
}
