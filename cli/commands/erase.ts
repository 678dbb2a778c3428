import { Flags } from '@oclif/core'
import { eraseFromProject } from '../app/privacy/erase.ts'
import { eraseFromKafka } from '../app/privacy/erase-topics.ts'
import { recordCommand } from '../app/store.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { describeTopicsResult } from '../domain/erase/describe-topics.ts'
import type { EraseResult } from '../domain/erase/erase-person.ts'
import type { EraseTopicsResult } from '../domain/erase/erase-topics.ts'
import { formatErasedCopy } from '../domain/erase/erased-copy.ts'
import type { Person } from '../domain/erase/erased-ids.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import { formatCount } from '../domain/kernel/units.ts'
import type { Project } from '../project.ts'

export default class Erase extends CcsCommand<EraseResult | EraseTopicsResult> {
  static override summary = 'Erase a person: from the log, all rows, and what comes later.'
  static override description =
    'Of a customer: all events with that customer id, and those without one of the visitors, ' +
    'sessions and orders that were this customer’s and no other’s. Of a visitor: all events ' +
    'with that anonymous id. Records of any topic that have the id as a value go too, such as ' +
    'rejects. ' +
    'With --anonymise the events stay as those of nobody known, with new random ids and without ' +
    'texts that may name the person, so that all numbers of Gold stay as they are. ' +
    'Shows the plan first; then the log is written anew without them, all rows are made of it, ' +
    'the daily marts are removed, and events of the person that come later are rejected. Nothing ' +
    'else may run on the data directory. On a target with Kafka, rows of compacted topics get ' +
    'tombstones, and it says which topics still have the person, and until when. ' +
    'Exit code 3: it was not confirmed; 5: a file still has the id.'
  static override examples = [
    '<%= config.bin %> erase --customer c1042',
    '<%= config.bin %> erase --visitor 0c5f1b8e-2f9a --yes',
    '<%= config.bin %> erase --customer c1042 --anonymise',
  ]
  static override flags = {
    customer: Flags.string({ summary: 'A customer id.', helpValue: 'ID', exclusive: ['visitor'] }),
    visitor: Flags.string({ summary: 'An anonymous id.', helpValue: 'ID' }),
    anonymise: Flags.boolean({ summary: 'Keep the events, but as those of nobody known.' }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    target: targetFlag,
  }

  async run(): Promise<EraseResult | EraseTopicsResult> {
    const { flags } = await this.parse(Erase)
    const person = readPerson(flags)
    const project = await this.loadProject(flags)
    // The history must not name the person.
    const command = {
      id: this.id,
      argv: [`--${person.kind}`, '***', ...(flags.anonymise ? ['--anonymise'] : [])],
    }
    if (project.target.kafka) return this.#eraseFromKafka(project, person, command, flags)
    const run = {
      isAnonymised: flags.anonymise,
      confirm: async (plan: EraseResult) => {
        this.#show(plan)
        const question = flags.anonymise ? 'Anonymise them for ever?' : 'Erase them for ever?'
        return flags.yes || (await this.confirm(question))
      },
      onNotice: (text: string) => this.note(text),
    }
    const result = await recordCommand(project, command, () =>
      eraseFromProject(project, person, run),
    )
    this.#finish(result)
    return result
  }

  async #eraseFromKafka(
    project: Project,
    person: Person,
    command: { readonly id: string | undefined; readonly argv: readonly string[] },
    flags: { readonly yes: boolean; readonly anonymise: boolean },
  ): Promise<EraseTopicsResult> {
    if (flags.anonymise)
      throw new CcsError('CCS_USAGE_INVALID', 'Records of Kafka can’t be replaced.', {
        hint: 'Leave out --anonymise, or see docs/privacy.md for pseudonyms.',
      })
    let isShown = false
    const show = (plan: EraseTopicsResult) => {
      if (!isShown) for (const line of describeTopicsResult(plan)) this.print(line)
      isShown = true
    }
    const confirm = async (plan: EraseTopicsResult) => {
      show(plan)
      return flags.yes || (await this.confirm('Write the tombstones, and refuse what comes?'))
    }
    const result = await recordCommand(project, command, () =>
      eraseFromKafka(project, person, confirm),
    )
    if (result.applied) this.print(`The receipt is ${result.receipt}.`)
    else if (result.topics.length === 0) {
      this.print('No topic has a record that is this person’s for sure.')
      for (const line of describeTopicsResult(result)) this.print(line)
    } else {
      this.note('Nothing was changed. To do it, add --yes to this command.')
      this.exitWith(EXIT.changes)
    }
    return result
  }

  #show({ events, visitors, records, traces }: EraseResult): void {
    this.print(`Events of this person in Bronze: ${formatCount(events)}.`)
    if (visitors > 0)
      this.print(`Visitors who were this person and nobody else: ${formatCount(visitors)}.`)
    for (const { topic, partition, records: erased, anonymised } of records) {
      const what = [
        ...(anonymised > 0 ? [`${formatCount(anonymised)} to anonymise`] : []),
        ...(erased > 0 ? [`${formatCount(erased)} to erase`] : []),
      ]
      this.print(`Records in ${topic}-${partition}: ${what.join(', ')}.`)
    }
    for (const file of traces) this.print(`${file} still has the id.`)
  }

  #finish(result: EraseResult): void {
    const { applied, events, records, traces, receipt, backups, s3 } = result
    if (!applied && events === 0 && records.length === 0 && traces.length === 0) {
      this.print('Nothing to erase: there is nothing of this person.')
      return
    }
    if (!applied) {
      this.note('Nothing was changed. To do it, add --yes to this command.')
      this.exitWith(EXIT.changes)
      return
    }
    const count = (key: 'records' | 'anonymised') => records.reduce((sum, one) => sum + one[key], 0)
    this.print(
      `Erased ${formatCount(count('records'))} records, anonymised ` +
        `${formatCount(count('anonymised'))}; later events of this person are rejected.`,
    )
    this.print(`The receipt is ${receipt}.`)
    this.print('The daily marts were removed: ccs dbt build makes them again.')
    if (backups !== null && backups > 0)
      this.print(
        `${formatCount(backups)} backups still have this person: take a new one (ccs backup), ` +
          'then remove them (ccs backup prune --keep 1s).',
      )
    if (s3) this.print(formatErasedCopy(s3))
    for (const file of traces) this.print(this.paint('yellow', `${file} still has the id.`))
    if (traces.length === 0) return
    this.note("An id that is also a product, a page or a number stays in other people's events.")
    this.exitWith(EXIT.checkFailed)
  }
}

function readPerson({
  customer,
  visitor,
}: {
  readonly customer: string | undefined
  readonly visitor: string | undefined
}): Person {
  if (customer !== undefined) return { kind: 'customer', id: customer }
  if (visitor !== undefined) return { kind: 'visitor', id: visitor }
  throw new CcsError('CCS_USAGE_INVALID', 'It is not said who is to be erased.', {
    hint: 'Name a customer with --customer ID, or a visitor with --visitor ID.',
  })
}
