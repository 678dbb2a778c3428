import { Args, Flags } from '@oclif/core'
import { openTail } from '../app/reader.ts'
import { recordCommand } from '../app/store.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { wrapLine } from '../domain/console/text.ts'
import { CcsError } from '../domain/kernel/errors.ts'
import { toJsonValue } from '../domain/log/decoded-record.ts'
import { RAW_TOPIC } from '../domain/log/topics.ts'
import { maskTailRecord } from '../domain/query/mask-tail.ts'
import { renderTailRecord, type TailRecord, tailTopic } from '../domain/query/tail.ts'
import type { Project } from '../project.ts'

/** What `--json` prints: all records in one document. */
export interface TailOutput {
  readonly topic: string
  readonly count: number
  readonly records: readonly unknown[]
}

export default class Tail extends CcsCommand<TailOutput> {
  static override summary = 'Print the records of a topic, decoded.'
  static override description =
    'Each record is decoded by the schema whose id it carries; one that cannot be decoded is ' +
    'printed with the reason and its first bytes. Works while others write. --format json prints ' +
    'one JSON document per line; --json all records in one document. Fields with a class in the ' +
    'schema of events (pii) are shown by their pseudonyms, or not at all, without --plain.'
  static override examples = [
    '<%= config.bin %> tail --follow',
    '<%= config.bin %> tail events.dlq --format json | jq .value.reason',
    '<%= config.bin %> tail --from end --follow --limit 10',
  ]
  static override args = {
    topic: Args.string({ default: RAW_TOPIC, description: 'events.raw or events.dlq.' }),
  }
  static override flags = {
    target: targetFlag,
    from: Flags.string({
      default: 'start',
      helpValue: 'OFFSET|start|end',
      summary: 'Where to start in each partition.',
    }),
    partition: Flags.integer({ min: 0, summary: 'One partition; default: all.' }),
    format: Flags.option({ options: ['text', 'json'] as const })({
      default: 'text',
      summary: 'One line of text per record, or one JSON document.',
    }),
    follow: Flags.boolean({ char: 'f', summary: 'At the end, wait for more, until Ctrl-C.' }),
    limit: Flags.integer({ min: 1, summary: 'Stop after this many records.' }),
    plain: Flags.boolean({
      summary: 'Show fields with a class as they came; the history records it.',
    }),
  }

  async run(): Promise<TailOutput> {
    const { args, flags } = await this.parse(Tail)
    const from = parseFrom(flags.from)
    const project = await this.loadProject(flags)
    const tail = () => this.#tail(project, { topic: args.topic ?? RAW_TOPIC, from, flags })
    return flags.plain ? recordCommand(project, this, tail) : tail()
  }

  async #tail(
    project: Project,
    { topic, from, flags }: { readonly topic: string; from: From; readonly flags: TailFlags },
  ): Promise<TailOutput> {
    const stop = this.abortOnSignal()
    const showing = { isPlain: flags.plain, onNotice: (text: string) => this.note(text) }
    const open = await openTail(project, showing)
    const { mask, readRejected } = open
    const records: unknown[] = []
    const isJson = this.jsonEnabled()
    const write = async (record: TailRecord) => {
      if (isJson) records.push(toJsonValue(record))
      else if (flags.format === 'text')
        for (const line of wrapLine(renderTailRecord(record), this.width))
          await this.printWithBackpressure(line, stop)
      else await this.printWithBackpressure(JSON.stringify(toJsonValue(record)), stop)
    }
    try {
      const count = await tailTopic(
        {
          ...open,
          emit: async (one) =>
            write(mask === undefined ? one : await maskTailRecord(one, mask, readRejected)),
        },
        {
          topic,
          from,
          isFollowing: flags.follow,
          stop,
          ...(flags.partition === undefined ? {} : { partition: flags.partition }),
          ...(flags.limit === undefined ? {} : { limit: flags.limit }),
        },
      )
      return { topic, count, records }
    } finally {
      await open.close()
    }
  }
}

type From = number | 'start' | 'end'

interface TailFlags {
  readonly format: 'text' | 'json'
  readonly follow: boolean
  readonly plain: boolean
  readonly partition?: number | undefined
  readonly limit?: number | undefined
}

function parseFrom(text: string): From {
  if (text === 'start' || text === 'end') return text
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new CcsError('CCS_USAGE_INVALID', `"${text}" is no place in the log.`, {
    hint: 'Write an offset, start or end: --from 1000',
  })
}
