/**
 * What `npm test` runs: every vitest project, or those named by `--project unit`. Says why each skipped test
 * was skipped, and ends with one line of counts. A file that can't be loaded and a hook that fails count as
 * failed, so that a broken suite never looks like an empty one.
 */
import { parseArgs } from 'node:util'
import { startVitest } from 'vitest/node'

const { values, positionals } = parseArgs({
  options: { project: { type: 'string', multiple: true } },
  allowPositionals: true,
})

/** Collects outcomes as vitest reports them at the end of the run. */
class Counts {
  passed = 0
  failed = 0
  skipped = []

  onTestRunEnd(modules, unhandledErrors) {
    this.failed += unhandledErrors.length
    for (const module of modules) {
      this.failed += module.errors().length
      for (const suite of module.children.allSuites()) this.failed += suite.errors().length
      for (const test of module.children.allTests()) this.count(test)
    }
  }

  count(test) {
    const { state, note } = test.result()
    if (state === 'passed') this.passed++
    else if (state === 'failed') this.failed++
    else
      this.skipped.push(
        `${test.module.relativeModuleId}: ${test.fullName}${note ? ` (${note})` : ''}`,
      )
  }
}

const counts = new Counts()
const vitest = await startVitest('test', positionals, {
  watch: false,
  reporters: ['default', counts],
  ...(values.project ? { project: values.project } : {}),
})
await vitest.close()

for (const skipped of counts.skipped) console.log(`skipped  ${skipped}`)
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped.length} skipped`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0
