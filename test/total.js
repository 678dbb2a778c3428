/**
 * Prints the closing line of .ci/run: the sum of the counts that test/run.js appended to a file.
 * Arguments: that file, and how many runs must have appended to it. A run that is missing there ended
 * before its tests, and counts as one failure.
 */
import { readFileSync } from 'node:fs'

const [file = '', runs = '0'] = process.argv.slice(2)
const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
const total = { passed: 0, failed: Math.max(0, Number(runs) - lines.length), skipped: 0 }
for (const line of lines)
  for (const [what, count] of Object.entries(JSON.parse(line))) total[what] += count
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 ? 1 : 0
