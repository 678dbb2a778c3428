import { Flags } from '@oclif/core'
import { openLineSink, openLogSink, openRecorder, writeTruth } from '../app/generator.ts'
import { CcsCommand, durationFlag, targetFlag } from '../command.ts'
import { addPrefix } from '../domain/config/target.ts'
import { CcsError } from '../domain/kernel/errors.ts'
import { parseInstantMs } from '../domain/kernel/time-argument.ts'
import { RAW_TOPIC } from '../domain/log/topics.ts'
import { KAFKA_WAIT_MS } from '../domain/pipeline/outage-handler.ts'
import {
  type GenerateOptions,
  generate,
  type PaceReport,
  rateMissedError,
} from '../generate/generate.ts'
import type { Project } from '../project.ts'

/** What `--json` prints. */
export interface GenOutput {
  readonly records: number
  /** Records of the range given by --from and --to. */
  readonly history: number
  /** Records of the live run, and how well it kept its rate; null when there was none. */
  readonly live: {
    readonly records: number
    readonly seconds: number
    readonly eps: number
    readonly deficit: number
    readonly kept: boolean
  } | null
  readonly seed: number
  readonly truth: string | null
}

const share = Flags.custom<number>({
  helpValue: 'SHARE',
  default: 0,
  helpGroup: 'FAULTS',
  parse: async (text) => {
    const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text)
    if (text.trim() !== '' && value >= 0 && value <= 1) return value
    throw usage(
      `"${text}" is not a share.`,
      'Write a number from 0 to 1, or a percentage: 0.05, 5%.',
    )
  },
})

const instant = Flags.custom<number>({
  helpValue: 'TIME',
  parse: async (text, _, { name = '' }) => parseInstantMs(text, `--${name}`),
})

export default class Gen extends CcsCommand<GenOutput> {
  static override summary = 'Simulate a shop: events into the log, seeded, with ground truth.'
  static override description =
    'Generates --eps events a second until it is stopped, or until --for or --count is reached. ' +
    'With --from and --to it first fills that range, as fast as it can, with more events by day ' +
    'than by night. The same seed, start and flags give the same bytes.'
  static override examples = [
    '<%= config.bin %> gen --eps 100 --for 60s',
    '<%= config.bin %> gen --from 2026-01-01 --to 2026-01-08 --count 500000 --truth truth.ndjson ' +
      '--late 5% --duplicates 5% --disorder 10% --invalid 2%',
    '<%= config.bin %> gen --eps 5 --stdout | head',
  ]
  static override flags = {
    target: targetFlag,
    eps: Flags.integer({
      min: 1,
      max: 1_000_000,
      summary: 'Events a second; ccs.yml says how many by default.',
    }),
    seed: Flags.integer({
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      summary: 'Number of the simulated shop; the same seed gives the same events.',
    }),
    for: durationFlag({ summary: 'Length of the live run.' }),
    count: Flags.integer({
      min: 1,
      summary: 'Events of the range, or of the live run without one.',
    }),
    from: instant({ summary: 'Start of the range; without --to: time of the first live event.' }),
    to: instant({
      dependsOn: ['from'],
      summary: 'End of the range; live events follow unless --count is given.',
    }),
    late: share({ summary: 'Events that arrive minutes to hours late.' }),
    duplicates: share({ summary: 'Events that arrive again, at once or minutes later.' }),
    disorder: share({ summary: 'Events that arrive up to five seconds out of order.' }),
    invalid: share({ summary: 'Records that break the contract, one way or another.' }),
    skew: share({ summary: 'Visitors whose clock is wrong, by up to eight minutes.' }),
    stdout: Flags.boolean({
      summary: 'Print events as NDJSON instead of writing them to the log.',
    }),
    truth: Flags.string({
      helpValue: 'FILE',
      summary: 'Write what Gold must hold when all was taken in.',
    }),
    partitions: Flags.integer({
      min: 1,
      max: 64,
      summary: 'Partitions of the topic to write to; visitors are spread over them.',
      description: 'One in the log on disk, all that the topic has in Kafka, unless given.',
    }),
    strict: Flags.boolean({ summary: 'Exit 3 when the rate was missed.' }),
  }

  async run(): Promise<GenOutput> {
    const { flags } = await this.parse(Gen)
    checkFlags(flags, this.jsonEnabled())
    const project = await this.loadProject(flags)
    const { late, duplicates, disorder, invalid, skew, partitions } = flags
    const options: GenerateOptions = {
      seed: flags.seed ?? project.config.generator.seed,
      eps: flags.eps ?? project.config.generator.eps,
      timezone: project.config.timezone,
      faultProfile: { late, duplicates, disorder, invalid, skew },
      ...(flags.from === undefined ? {} : { fromMs: flags.from }),
      ...(flags.to === undefined ? {} : { toMs: flags.to }),
      ...(flags.count === undefined ? {} : { count: flags.count }),
      ...(flags.for === undefined ? {} : { forMs: flags.for }),
    }
    const { seed, eps } = options
    const signal = this.abortOnSignal()
    const open = flags.stdout
      ? await openLineSink(project, seed, (text) =>
          this.printWithBackpressure(text.split('\n'), signal),
        )
      : await openLogSink(project, {
          seed,
          partitions,
          mustBeEmpty: flags.truth !== undefined,
          signal,
          // A live run goes on when Kafka does.
          ...(flags.count === undefined ? {} : { kafkaMs: KAFKA_WAIT_MS }),
          onNotice: (text) => this.note(text),
        })
    try {
      const progress = this.progress('gen')
      const recording =
        flags.truth === undefined
          ? {}
          : { createRecorder: await openRecorder(project, { seed, partitions: open.partitions }) }
      const result = await generate(options, {
        clock: this.clock,
        sink: open.sink,
        signal,
        onProgress: (made, of) => progress.update(made, Number.isFinite(of) ? of : undefined),
        ...recording,
      })
      progress.end()
      if (flags.truth !== undefined && result.truth !== undefined)
        await writeTruth(flags.truth, result.truth.finish())
      const { records, history, live } = result
      if (!flags.stdout) this.print(`${records} records written to ${placeOf(project)}.`)
      if (live !== undefined && !live.isKept) {
        if (flags.strict) throw rateMissedError(eps, live)
        this.note(rateMissedError(eps, live).message)
      }
      return {
        records,
        history,
        live: live === undefined ? null : liveOutput(live),
        seed,
        truth: flags.truth ?? null,
      }
    } finally {
      await open.close()
    }
  }
}

function placeOf({ target, dataDir }: Project): string {
  return target.kafka ? `${addPrefix(target, RAW_TOPIC)} on target "${target.name}"` : dataDir
}

function liveOutput({ made, seconds, eps, deficit, isKept }: PaceReport): GenOutput['live'] {
  return { records: made, seconds, eps, deficit, kept: isKept }
}

interface CheckedFlags {
  readonly late: number
  readonly duplicates: number
  readonly disorder: number
  readonly invalid: number
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly stdout: boolean
}

function checkFlags(flags: CheckedFlags, isJson: boolean): void {
  const { late, duplicates, disorder, invalid, from, to } = flags
  if (late + duplicates + disorder + invalid > 1)
    throw usage(
      'The shares of late, duplicate, disordered and invalid events exceed 100 %.',
      'Lower --late, --duplicates, --disorder or --invalid.',
    )
  if (from !== undefined && to !== undefined && to <= from)
    throw usage('--to is not after --from.', 'Write the earlier time as --from.')
  if (flags.stdout && isJson)
    throw usage(
      '--stdout and --json both want stdout.',
      'Leave one of them out: --stdout prints JSON lines anyway.',
    )
}

function usage(message: string, hint: string): CcsError {
  return new CcsError('CCS_USAGE_INVALID', message, { hint })
}
