/** `ccs dlq ls`: groups of similar rejects. */

import { escapeControls } from '../console/controls.ts'
import { appendAll } from '../kernel/lists.ts'
import { formatCount } from '../kernel/units.ts'
import { createDuplicateFilter } from './duplicate-rejects.ts'
import type { RejectGroupKey } from './fingerprint.ts'
import type { LenientReader } from './lenient-reader.ts'
import { isoTime, type RejectEntry, type RejectPorts, readRejects } from './read-rejects.ts'
import type { RejectTable } from './reject-table.ts'
import type { ReplayLedger } from './replay-ledger.ts'

/** A group of rejects with the same fingerprint. */
export interface RejectGroup extends RejectGroupKey {
  readonly count: number
  /** How many of them have been replayed. */
  readonly replayed: number
  /** ISO 8601; when the first and last rejected record arrived. */
  readonly firstSeen: string | null
  readonly lastSeen: string | null
  /** `<partition>:<offset>` of the newest reject, for `ccs dlq show`. */
  readonly sample: string
}

/** What `ccs dlq ls --json` prints. */
export interface DlqList {
  readonly total: number
  /** Most frequent first. */
  readonly groups: readonly RejectGroup[]
}

/** What the list reads. */
export interface DlqListPorts extends RejectPorts {
  readonly ledger: ReplayLedger
  /** Condition on the rejects; undefined: all of them. */
  readonly filter?: { readonly table: RejectTable; readonly read: LenientReader }
}

/** Which rejects to list. */
export interface DlqListOptions {
  readonly reason?: string
  /** Only records that first arrived then or later, ms since 1970. */
  readonly sinceMs?: number
  /** Gets the number of rejects read so far and in all. */
  readonly onProgress: (done: number, total: number) => void
}

interface GroupTally {
  readonly sort: RejectGroupKey
  count: number
  replayed: number
  firstMs: number
  lastMs: number
  sample: string
}

const ASKED_ROWS = 2_000

/**
 * Reads the topic once. Memory grows with the number of groups or, if there may be duplicates, of
 * rejects. Rejects of one record count once, and as replayed if one of them was. `total` counts the
 * rejects that pass the filters.
 */
export async function listRejects(parts: DlqListPorts, options: DlqListOptions): Promise<DlqList> {
  const { reason, sinceMs = Number.NEGATIVE_INFINITY } = options
  const tallies = new Map<string, GroupTally>()
  const isFirst = await createDuplicateFilter(parts.log)
  let total = 0
  for await (const entries of readRejects(parts, options.onProgress)) {
    const meant = entries.filter(
      ({ group, reject }) =>
        (reason === undefined || group.reason === reason) &&
        !((reject?.first_seen ?? Number.POSITIVE_INFINITY) < sinceMs),
    )
    for (const entry of await applyFilter(parts, meant)) {
      if (!isFirst(entry.sourceKey)) continue
      addToTally(tallies, entry, parts.ledger.isReplayed(entry))
      total++
    }
  }
  const groups = [...tallies.values()].sort(
    (a, b) => b.count - a.count || (a.sort.kind < b.sort.kind ? -1 : 1),
  )
  return {
    total,
    groups: groups.map(({ sort, count, replayed, firstMs, lastMs, sample }) => {
      const [firstSeen, lastSeen] = [isoTime(firstMs), isoTime(lastMs)]
      return { ...sort, count, replayed, firstSeen, lastSeen, sample }
    }),
  }
}

async function applyFilter(
  { filter }: DlqListPorts,
  entries: readonly RejectEntry[],
): Promise<readonly RejectEntry[]> {
  if (!filter) return entries
  const found: RejectEntry[] = []
  for (let at = 0; at < entries.length; at += ASKED_ROWS) {
    const rows = entries.slice(at, at + ASKED_ROWS).map((entry) => {
      const reading = entry.reject && filter.read(entry.reject.bytes)
      return { entry, event: reading && 'event' in reading ? reading.event : undefined }
    })
    const answers = await filter.table.evaluate(rows)
    appendAll(
      found,
      rows.flatMap(({ entry }, index) => (answers[index]?.isChosen ? [entry] : [])),
    )
  }
  return found
}

function addToTally(
  tallies: Map<string, GroupTally>,
  entry: RejectEntry,
  isReplayed: boolean,
): void {
  const { group, reject, partition, offset } = entry
  const seenMs = reject?.first_seen ?? Number.NaN
  const sample = `${partition}:${offset}`
  const found = tallies.get(group.fingerprint)
  if (!found) {
    const times = { firstMs: seenMs, lastMs: seenMs }
    tallies.set(group.fingerprint, {
      sort: group,
      count: 1,
      replayed: isReplayed ? 1 : 0,
      ...times,
      sample,
    })
    return
  }
  found.count++
  if (isReplayed) found.replayed++
  if (seenMs < found.firstMs) found.firstMs = seenMs
  if (seenMs >= found.lastMs) {
    found.lastMs = seenMs
    found.sample = sample
  }
}

/** Renders each group as two lines: counts and times, then fingerprint and message. */
export function renderGroups(groups: readonly RejectGroup[], width: number): string[] {
  const columns = (count: string, reason: string, first: string, last: string, sample: string) =>
    `${count.padStart(9)}  ${reason.padEnd(17)}  ${first.padEnd(16)}  ${last.padEnd(16)}  ${sample}`
  const minute = (time: string | null) => time?.slice(0, 16).replace('T', ' ') ?? ''
  return [
    columns('count', 'reason', 'first seen', 'last seen', 'sample'),
    ...groups.flatMap((group) => {
      const { count, reason, kind, firstSeen, lastSeen, sample, fingerprint, replayed } = group
      const note = replayed > 0 ? `(${formatCount(replayed)} replayed) ` : ''
      const said = `${fingerprint}  ${note}${escapeControls(kind)}`
      return [
        columns(formatCount(count), reason, minute(firstSeen), minute(lastSeen), sample),
        `${' '.repeat(11)}${said.length > width - 11 ? `${said.slice(0, width - 12)}…` : said}`,
      ]
    }),
  ]
}
