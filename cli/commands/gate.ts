import { Flags } from '@oclif/core'
import { openGate } from '../app/gate.ts'
import { CcsCommand, durationFlag, targetFlag } from '../command.ts'
import type { GateCounts } from '../domain/gate/run-gate.ts'
import { formatCount } from '../domain/kernel/units.ts'

/** What `--json` prints, at its end. */
export interface GateOutput extends Omit<GateCounts, 'partitions'> {
  readonly target: string
  readonly group: string
  readonly seconds: number
}

const SESSION_MS = 10_000
const STATUS_MS = { terminal: 1_000, elsewhere: 10_000 }

export default class Gate extends CcsCommand<GateOutput> {
  static override summary = 'Validate events.raw on a cluster: into events.valid or events.dlq.'
  static override description =
    'Runs until it is stopped, in up to as many processes as events.raw has partitions. Each ' +
    'record is written exactly once, to events.valid or to events.dlq, even if processes are ' +
    'killed. SIGINT or SIGTERM finishes the running transaction and leaves the group.'
  static override examples = [
    '<%= config.bin %> gate --target kafka',
    '<%= config.bin %> gate --target kafka --once --json',
  ]
  static override flags = {
    target: targetFlag,
    once: Flags.boolean({ summary: 'End when everything that is in events.raw now is validated.' }),
    session: durationFlag({
      summary: 'How long a silent process keeps its partitions; default: 10s.',
    }),
  }

  async run(): Promise<GateOutput> {
    const { flags } = await this.parse(Gate)
    const project = await this.loadProject(flags)
    const stop = this.abortOnSignal()
    const gate = await openGate(project, {
      once: flags.once,
      sessionMs: flags.session ?? SESSION_MS,
      onNotice: (text) => this.note(text),
    })
    const startMs = this.clock.nowMs()
    const seconds = () => (this.clock.nowMs() - startMs) / 1000
    let timer: NodeJS.Timeout | undefined
    try {
      const everyMs = process.stderr.isTTY ? STATUS_MS.terminal : STATUS_MS.elsewhere
      let before = 0
      timer = setInterval(() => {
        const { counts } = gate.run
        this.statusLine(statusText(counts, ((counts.records - before) * 1000) / everyMs))
        before = counts.records
      }, everyMs)
      await gate.run.run(stop)
      const { partitions, ...counts } = gate.run.counts
      this.print(
        `${formatCount(counts.records)} records: ${formatCount(counts.valid)} valid, ` +
          `${formatCount(counts.rejected)} rejected${reasonText(counts)}.`,
      )
      return { target: project.target.name, group: gate.group, seconds: seconds(), ...counts }
    } finally {
      clearInterval(timer)
      await gate.close()
    }
  }
}

function statusText(counts: GateCounts, eps: number): string {
  const { valid, rejected, lag, partitions } = counts
  const share = `${partitions.length} partition${partitions.length === 1 ? '' : 's'}`
  return (
    `${formatCount(Math.round(eps))}/s, ${formatCount(valid)} valid, ` +
    `${formatCount(rejected)} rejected${reasonText(counts)}; ` +
    `${formatCount(lag)} waiting in ${share}`
  )
}

function reasonText({ reasons }: Pick<GateCounts, 'reasons'>): string {
  const each = Object.entries(reasons).sort(([, a], [, b]) => b - a)
  if (each.length === 0) return ''
  return ` (${each.map(([reason, count]) => `${reason} ${formatCount(count)}`).join(', ')})`
}
