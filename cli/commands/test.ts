import { Args } from '@oclif/core'
import { openLogic } from '../app/project-logic.ts'
import { openTests } from '../app/test.ts'
import { CcsCommand } from '../command.ts'
import { didYouMean } from '../domain/kernel/did-you-mean.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import { renderDifferences } from '../domain/model-tests/render-differences.ts'
import { type CaseResult, runModelTests } from '../domain/model-tests/run-model-tests.ts'

export interface TestResult {
  readonly ok: boolean
  readonly passed: number
  readonly failed: number
  readonly cases: readonly CaseResult[]
  /** Whether the models carry every event that the contract allows; it counts as one case. */
  readonly limits: { readonly ok: boolean; readonly faults: readonly LimitFault[] }
  /** Models that have no test file. */
  readonly untested: readonly string[]
}

/** A model that fails with an event of the contract, or a sum that is too narrow. */
interface LimitFault {
  readonly message: string
  readonly hint: string
  readonly file: string
  readonly line: number
}

/** How many pipelines run at the same time: one waits for the disk while another computes. */
const AT_ONCE = 3

export default class Test extends CcsCommand<TestResult> {
  static override summary =
    'Test models: given events, expected rows, with late events, duplicates and restarts.'
  static override description =
    'Runs the cases of sql/<layer>/<model>.test.yml, each through the real pipeline in a ' +
    'temporary directory and through the models as plain SQL; both must give the expected rows. ' +
    'Runs the models on events at every limit of the contract too: each must carry them. ' +
    'Exit code 5: a case failed.'
  static override examples = [
    '<%= config.bin %> test',
    '<%= config.bin %> test silver.orders',
    '<%= config.bin %> test gold --json',
  ]
  static override args = {
    model: Args.string({
      description: 'A model such as silver.orders, or a layer; default: all.',
    }),
  }

  async run(): Promise<TestResult> {
    const { args, flags } = await this.parse(Test)
    const signal = this.abortOnSignal()
    const project = await this.loadProject(flags)
    const tests = await openTests(project, await openLogic(project))
    try {
      const names = tests.models.map(({ name }) => name)
      const isChosen = chosen(args.model, names)
      const cases = tests.files.flatMap((file) => (isChosen(file.model) ? file.cases : []))
      const results = await runModelTests(cases, tests.bench, {
        atOnce: AT_ONCE,
        signal,
        onResult: (one) => this.#tell(one),
      })
      const limits = this.#tellLimits(
        signal.aborted ? [] : await tests.findLimitFaults(names.filter(isChosen)),
      )
      const tested = new Set(tests.files.map(({ model }) => model))
      const untested = names.filter((name) => isChosen(name) && !tested.has(name))
      const outcomes = [limits, ...results]
      const passed = outcomes.filter(({ ok }) => ok).length
      const failed = outcomes.length - passed
      if (untested.length > 0) this.note(`Without tests: ${untested.join(', ')}`)
      if (results.length < cases.length)
        this.note(`Stopped: ${results.length} of ${cases.length} cases ran.`)
      this.print(`${passed} passed, ${failed} failed`)
      const ok = failed === 0 && !signal.aborted
      if (!ok) this.exitWith(EXIT.checkFailed)
      return { ok, passed, failed, cases: results, limits, untested }
    } finally {
      await tests.close()
    }
  }

  #tellLimits(errors: readonly CcsError[]): TestResult['limits'] {
    const faults = errors.map(({ message, hint = '', location }): LimitFault => {
      return { message, hint, file: location?.file ?? '', line: location?.line ?? 0 }
    })
    const ok = faults.length === 0
    this.print(this.paint('bold', 'limits of the contract'))
    this.print(`  ${this.#mark(ok)} the models carry every event that it allows`)
    for (const { message, hint, file, line } of faults) {
      this.print(`    ${file}:${line}`)
      this.print(`      ${message}`)
      this.print(`      ${hint}`)
    }
    return { ok, faults }
  }

  #mark(ok: boolean): string {
    return ok ? this.paint('green', '✓') : this.paint('red', '✗')
  }

  /** The model of the last printed line. */
  #lastModel = ''

  #tell(one: CaseResult): void {
    const mark = this.#mark(one.ok)
    if (one.model !== this.#lastModel) this.print(this.paint('bold', one.model))
    this.#lastModel = one.model
    this.print(`  ${mark} ${one.case}${one.ok ? '' : `  (${one.file}:${one.line})`}`)
    let lastHeading = ''
    for (const { run, model, difference } of one.findings) {
      const heading = `${HEADINGS[run]}${model === one.model ? '' : `, ${model}`}:`
      if (heading !== lastHeading) this.print(`    ${heading}`)
      lastHeading = heading
      for (const line of renderDifferences([difference])) this.print(`      ${line}`)
    }
  }
}

const HEADINGS = {
  both: 'engine and plain SQL alike',
  engine: 'engine',
  'plain SQL': 'plain SQL',
  'engine against plain SQL': 'the engine differs from the plain SQL (expected)',
} as const

function chosen(model: string | undefined, names: readonly string[]): (name: string) => boolean {
  if (model === undefined) return () => true
  const layers = [...new Set(names.map((name) => name.split('.')[0] ?? ''))]
  if (layers.includes(model)) return (name) => name.startsWith(`${model}.`)
  if (names.includes(model)) return (name) => name === model
  throw new CcsError('CCS_USAGE_INVALID', `"${model}" is neither a model nor a layer.`, {
    hint: didYouMean(model, [...layers, ...names]),
  })
}
