import { Flags } from '@oclif/core'
import { openRegistryCheck, openSchemaCheck } from '../../app/schema.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { EXIT } from '../../domain/kernel/errors.ts'
import { COMPATIBILITY_MODES } from '../../domain/schemas/check.ts'
import type { SchemaCheckResult } from '../../domain/schemas/check-project.ts'
import { formatBreak, formatTopicCheck } from '../../domain/schemas/check-text.ts'
import type { RegistryCheck } from '../../domain/schemas/registry-topics.ts'

interface CheckResult extends SchemaCheckResult {
  /** The answers of the target's registry; absent without a registry. */
  readonly registry?: readonly RegistryCheck[]
}

export default class SchemaCheck extends CcsCommand<CheckResult> {
  static override summary =
    'Check every schema against the versions that records were written with.'
  static override description =
    'Needs no registry. Exit code 5: a schema is incompatible; the field, the rule, and the ' +
    'models, marts and dashboards that may use the field are printed. Removing a field that ' +
    'something reads counts as incompatible too. With --target, asks the registry of that target ' +
    'as well, and says where its answer differs.'
  static override examples = [
    '<%= config.bin %> schema check',
    '<%= config.bin %> schema check --mode FULL_TRANSITIVE --json',
    '<%= config.bin %> schema check --target kafka',
  ]
  static override flags = {
    mode: Flags.option({
      summary:
        'Which schema must read which records: the new schema old records (BACKWARD), or the ' +
        'reverse.',
      options: COMPATIBILITY_MODES,
      default: 'BACKWARD_TRANSITIVE' as const,
    })(),
    target: targetFlag,
  }

  async run(): Promise<CheckResult> {
    const { flags } = await this.parse(SchemaCheck)
    const project = await this.loadProject(flags)
    const check = await openSchemaCheck(project, flags.mode)
    for (const topic of check.topics) this.#printAll(formatTopicCheck(topic, this.#paint))
    const breaks = check.topics.reduce((sum, one) => sum + one.breaks.length, 0)
    const count = `${check.topics.length} schemas, ${check.mode}`
    this.print(
      breaks === 0
        ? `${this.paint('green', 'ok')}  ${count}: nothing breaks.`
        : `${this.paint('red', 'failed')}  ${count}: ` +
            `${breaks} ${breaks === 1 ? 'break' : 'breaks'}.`,
    )
    if (project.target.name === 'local') return this.#done(check)
    const registry = await openRegistryCheck(project, check)
    this.#printRegistry(registry, project.target.name)
    return this.#done({ ...check, ok: check.ok && registry.every((one) => one.accepts), registry })
  }

  #done(result: CheckResult): CheckResult {
    if (!result.ok) this.exitWith(EXIT.checkFailed)
    return result
  }

  #paint = (style: 'red' | 'yellow' | 'bold', text: string) => this.paint(style, text)

  #printAll(lines: readonly string[]): void {
    for (const line of lines) this.print(line)
  }

  #printRegistry(checks: readonly RegistryCheck[], target: string): void {
    for (const { subject, accepts, differs, breaks, level } of checks) {
      if (accepts && differs === null) continue
      this.print()
      this.print(`${this.paint('bold', subject)} in the registry of ${target}, ${level}`)
      if (!accepts) this.print(`  ${this.paint('red', 'refused')}`)
      for (const one of breaks) this.#printAll(formatBreak(one, this.#paint))
      if (differs !== null) this.print(`  ${this.paint('yellow', 'differs')}  ${differs}`)
    }
    const refused = checks.filter((one) => !one.accepts).length
    const count = `${checks.length} subjects in the registry of ${target}`
    this.print(
      refused === 0
        ? `${this.paint('green', 'ok')}  ${count}: it accepts them all.`
        : `${this.paint('red', 'failed')}  ${count}: it refuses ${refused}.`,
    )
  }
}
