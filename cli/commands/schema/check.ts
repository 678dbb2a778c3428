import { Flags } from '@oclif/core'
import { CcsCommand } from '../../command.ts'
import { EXIT } from '../../core/errors.ts'
import { MODES } from '../../core/schema-check.ts'
import { placeOf } from '../../core/text.ts'
import type { CheckedTopic, SchemaBreak, SchemaCheckResult } from '../../flows/schema-check.ts'
import { openSchemaCheck } from '../../open-schema.ts'

export default class SchemaCheck extends CcsCommand<SchemaCheckResult> {
  static override summary =
    'Check every schema against the versions that records were written with.'
  static override description =
    'Needs no registry. Exit code 5: something breaks. It names the field, the rule, and the models, marts and dashboards that may use the field; a field that is gone while something reads it breaks too.'
  static override examples = [
    '<%= config.bin %> schema check',
    '<%= config.bin %> schema check --mode FULL_TRANSITIVE --json',
  ]
  static override flags = {
    mode: Flags.option({
      summary: 'Who must read whose records: the new schema old ones (BACKWARD), or the reverse.',
      options: MODES,
      default: 'BACKWARD_TRANSITIVE' as const,
    })(),
  }

  async run(): Promise<SchemaCheckResult> {
    const { flags } = await this.parse(SchemaCheck)
    const result = await openSchemaCheck(await this.loadProject(flags), flags.mode)
    for (const topic of result.topics) this.#printTopic(topic)
    const breaks = result.topics.reduce((sum, one) => sum + one.breaks.length, 0)
    const count = `${result.topics.length} schemas, ${result.mode}`
    this.print(
      breaks === 0
        ? `${this.paint('green', 'ok')}  ${count}: nothing breaks.`
        : `${this.paint('red', 'failed')}  ${count}: ${breaks} ${breaks === 1 ? 'break' : 'breaks'}.`,
    )
    if (!result.ok) this.exitWith(EXIT.checkFailed)
    return result
  }

  #printTopic({ topic, breaks, remarks, keepAs }: CheckedTopic): void {
    if (breaks.length + remarks.length === 0 && keepAs === null) return
    this.print(this.paint('bold', topic))
    for (const one of breaks) this.#printBreak(one)
    for (const { message, location, versions } of remarks) {
      this.print(`  ${this.paint('yellow', 'note')}   ${message}`)
      this.print(`         ${placeOf(location)}, against ${versionWords(versions)}`)
    }
    if (keepAs !== null && breaks.length === 0)
      this.print(`  Not kept yet: cp schemas/${topic}.avsc ${keepAs}`)
    this.print()
  }

  #printBreak({ rule, message, location, kept, versions, uses }: SchemaBreak): void {
    this.print(`  ${this.paint('red', 'break')}  ${message}`)
    const other = location === kept ? '' : `, was ${placeOf(kept)}`
    this.print(`         rule "${rule}" at ${placeOf(location)}${other}; ${versionWords(versions)}`)
    for (const kind of ['model', 'mart', 'dashboard'] as const) {
      const names = uses
        .filter((one) => one.kind === kind)
        .map(({ name, at }) => (at === null ? name : `${name} (${placeOf(at)})`))
      if (names.length > 0) this.print(`         may break ${kind}s: ${names.join(', ')}`)
    }
  }
}

function versionWords(versions: readonly number[]): string {
  return `${versions.length === 1 ? 'version' : 'versions'} ${versions.join(', ')}`
}
