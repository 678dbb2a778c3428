/**
 * What `npm test` runs: the vitest projects unit, contract and e2e, or those named by `--project`
 * (`--project cluster` is `npm run test:cluster`). Prints why each skipped test was skipped, then one
 * line of counts. If CCS_TEST_COUNTS names a file, the counts are appended to that file as a line of
 * JSON and not printed: .ci/run adds up those of several runs. A file that can't be loaded and a hook
 * that fails count as failed, so that a broken suite never looks like an empty one.
 */
import { appendFileSync, existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startVitest } from 'vitest/node'

/**
 * Tests that measure time or start several busy processes. They run after all others, one file at a
 * time: on a busy machine they would fail, or skip what they can't measure there.
 */
const ALONE = [
  'test/contract/live-hub.test.ts',
  'test/contract/live-page.test.ts',
  'test/contract/poison.test.ts',
  'test/faults/engine.test.ts',
  'test/unit/pipeline/outage-handler.test.ts',
  'test/unit/generate/rate-pacer.test.ts',
]

/** At least three: while two files wait for processes that they started, the third uses the cores. */
const WORKERS = Math.min(4, Math.max(3, availableParallelism() - 1))

const { values, positionals } = parseArgs({
  options: { project: { type: 'string', multiple: true } },
  allowPositionals: true,
})

/** Collects outcomes as vitest reports them at the end of the run. */
class Counts {
  passed = 0
  failed = 0
  skipped = []
  /** Tests on servers may be tried twice: four servers at once can be too slow on a small machine. */
  retried = []

  get ran() {
    return this.passed + this.failed + this.skipped.length
  }

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
const root = fileURLToPath(new URL('..', import.meta.url))
const moved = ALONE.filter((file) => !existsSync(path.join(root, file)))
if (moved.length > 0) throw new Error(`ALONE in test/run.js names no file: ${moved.join(', ')}`)

/** Test files of these projects; if the command line names some, those whose path has such a name. */
const filesOf = (projects) =>
  projects
    .flatMap((project) =>
      readdirSync(path.join(root, 'test', project), { recursive: true })
        .map((file) => path.posix.join('test', project, file.replaceAll(path.sep, '/')))
        .filter((file) => file.endsWith('.test.ts')),
    )
    .filter((file) => positionals.length === 0 || positionals.some((name) => file.includes(name)))

const asked = values.project ?? ['unit', 'contract', 'e2e']
/** Their tests share real servers. */
const ON_SERVERS = ['cluster', 'flink']
const files = filesOf(asked.filter((project) => !ON_SERVERS.includes(project)))

/** One after the other; the real servers come last, since they need most of a small machine. */
const rounds = [
  { files: files.filter((file) => !ALONE.includes(file)), options: { maxWorkers: WORKERS } },
  { files: files.filter((file) => ALONE.includes(file)), options: { maxWorkers: 1 } },
  {
    files: filesOf(asked.filter((project) => ON_SERVERS.includes(project))),
    // While one file waits for its servers, the other uses the cores.
    options: { maxWorkers: Math.max(2, availableParallelism() - 1) },
  },
].filter((round) => round.files.length > 0)
for (const round of rounds) {
  const { failed, ran } = counts
  process.exitCode = 0
  const vitest = await startVitest('test', round.files, {
    watch: false,
    reporters: ['default', counts],
    project: [...new Set(round.files.map((file) => file.split('/')[1]))],
    ...round.options,
  })
  await vitest.close()
  // Servers that could not be started: no test has run, so none has failed.
  if ((process.exitCode || counts.ran === ran) && counts.failed === failed) counts.failed++
}

for (const retried of counts.retried) console.log(`tried twice  ${retried}`)
for (const skipped of counts.skipped) console.log(`skipped  ${skipped}`)
const { passed, failed, ran } = counts
const skipped = counts.skipped.length
const { CCS_TEST_COUNTS } = process.env
if (CCS_TEST_COUNTS)
  appendFileSync(CCS_TEST_COUNTS, `${JSON.stringify({ passed, failed, skipped })}\n`)
else console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 || ran === 0 ? 1 : 0
