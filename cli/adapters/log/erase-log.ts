/** Erases records of all topics of a log. */
import type { EventCodec, LoggedEvent } from '../../domain/erase/anonymise-event.ts'
import type { DecideFate, ErasedRecords } from '../../domain/erase/erase-person.ts'
import type { CommittedEnd } from '../../domain/log/log-report.ts'
import type { Files } from '../files/files.ts'
import { systemProcesses } from '../files/process-id.ts'
import { listLogPartitions } from './check-log.ts'
import { erasePartition } from './erase-partition.ts'

/** How to erase; `nowMs` is in the marks that are left. */
export interface EraseLogOptions {
  readonly files: Files
  readonly nowMs: number
  readonly decide: DecideFate
  readonly isDryRun: boolean
  readonly committed: readonly CommittedEnd[]
}

/** Returns the partitions that have, or had, such records. See erasePartition. */
export async function eraseLog(
  dir: string,
  { committed, decide, ...options }: EraseLogOptions,
): Promise<readonly ErasedRecords[]> {
  const found: ErasedRecords[] = []
  for (const partition of await listLogPartitions(options.files, dir, committed)) {
    const { topic, partition: number } = partition
    const place = `${topic}-${number}`
    const { erased, anonymised } = await erasePartition(partition, {
      ...{ ...options, owner: 'ccs erase', processes: systemProcesses() },
      decide: (record) => decide({ ...record, place }),
    })
    if (erased + anonymised > 0)
      found.push({ topic, partition: number, records: erased, anonymised })
  }
  return found
}

/** These events, as the log has them. CCS_LOG_CORRUPT, CCS_LOG_LOCKED. */
export async function readEvents(
  dir: string,
  options: Pick<EraseLogOptions, 'files' | 'nowMs' | 'committed'>,
  { offsets, codec }: { readonly offsets: WantedPlaces; readonly codec: EventCodec },
): Promise<readonly LoggedEvent[]> {
  const found: LoggedEvent[] = []
  const decide: DecideFate = ({ place, offset, bytes, appendMs }) => {
    const isWanted = offsets.get(place)?.has(offset) === true
    const event = isWanted ? codec.decode(bytes, appendMs) : undefined
    if (event) found.push({ place, offset, event })
    return 'kept'
  }
  await eraseLog(dir, { ...options, isDryRun: true, decide })
  return found
}

/** Offsets by `topic-partition`. */
type WantedPlaces = ReadonlyMap<string, { has(offset: number): boolean }>
