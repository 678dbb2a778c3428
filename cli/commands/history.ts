import { Flags } from '@oclif/core'
import { readProjectHistory } from '../app/store.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { parseSinceMs } from '../domain/kernel/time-argument.ts'
import { formatDuration } from '../domain/kernel/units.ts'
import type { HistoryEntry } from '../domain/monitoring/history.ts'

/** What `--json` prints. */
export interface HistoryResult {
  /** Oldest first. */
  readonly entries: readonly HistoryEntry[]
  /** Lines of the files that are no entries: the last ones of processes that were killed. */
  readonly unreadable: number
}

export default class History extends CcsCommand<HistoryResult> {
  static override summary = 'Who asked what, and what was changed: queries, deployments, repairs.'
  static override description =
    'Each query that somebody typed or sent, each why, and each command that changed something: ' +
    'deploy, rollback, adopt, destroy, import, dlq replay, erase, log prune, log repair, lake ' +
    'compact, lake verify --repair, backup prune and backup restore; with its outcome. Not the ' +
    'fixed questions of the page, of live and of status. The files are in its folder history.'
  static override examples = [
    '<%= config.bin %> history',
    '<%= config.bin %> history --what query --since 1d',
    '<%= config.bin %> history --limit 1000 --json',
  ]
  static override flags = {
    target: targetFlag,
    what: Flags.string({
      summary: 'Only this: query, or the name of a command.',
      helpValue: 'NAME',
    }),
    since: Flags.string({
      summary: 'Only what ended after this time, or this long ago.',
      helpValue: '2h',
    }),
    limit: Flags.integer({ summary: 'At most this many, the newest.', min: 1, default: 50 }),
  }

  async run(): Promise<HistoryResult> {
    const { flags } = await this.parse(History)
    const { what, since, limit } = flags
    const sinceMs = since === undefined ? 0 : parseSinceMs(since, this.clock.nowMs())
    const { entries, unreadable } = await readProjectHistory(await this.loadProject(flags))
    const found = entries
      .filter((one) => (what === undefined || one.what === what) && Date.parse(one.at) >= sinceMs)
      .slice(-limit)
    if (found.length === 0) this.print('Nothing is recorded.')
    else
      this.printRows(
        ['at', 'what', 'by', 'outcome', 'rows', 'took', 'text'].map((key) => ({ key })),
        found.map((one) => ({ ...one, took: formatDuration(one.ms) })),
      )
    if (unreadable > 0) this.note(`${unreadable} lines can’t be read: processes were killed.`)
    return { entries: found, unreadable }
  }
}
