/**
 * What `npm test` runs: every vitest project, or those named by `--project unit`. The servers of `cluster` come
 * up when all else is done: beside them, tests that look at the clock would fail on a small machine. Says why each skipped test
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
  /** Those of `cluster` may be tried twice: four servers on a small machine now and then take too long. */
  retried = []

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
    if ((test.diagnostic()?.retryCount ?? 0) > 0)
      this.retried.push(`${test.module.relativeModuleId}: ${test.fullName}`)
    if (state === 'passed') this.passed++
    else if (state === 'failed') this.failed++
    else
      this.skipped.push(
        `${test.module.relativeModuleId}: ${test.fullName}${note ? ` (${note})` : ''}`,
      )
  }
}

const counts = new Counts()
const asked = values.project ?? ['unit', 'contract', 'e2e', 'cluster']
const rounds = [
  asked.filter((project) => project !== 'cluster'),
  asked.filter((project) => project === 'cluster'),
].filter((round) => round.length > 0)
for (const project of rounds) {
  const { failed } = counts
  process.exitCode = 0
  const vitest = await startVitest('test', positionals, {
    watch: false,
    // A name may be of a test in one round only; no test at all is seen below.
    passWithNoTests: true,
    reporters: ['default', counts],
    project,
  })
  await vitest.close()
  // Servers that could not be started: no test has run, so none has failed.
  if (process.exitCode && counts.failed === failed) counts.failed++
}

for (const retried of counts.retried) console.log(`tried twice  ${retried}`)
for (const skipped of counts.skipped) console.log(`skipped  ${skipped}`)
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped.length} skipped`)
const ran = counts.passed + counts.skipped.length
process.exitCode = counts.failed > 0 || ran === 0 ? 1 : 0
