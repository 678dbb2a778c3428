/**
 * What `npm run test:clocks` runs: the tests once for each of some clocks and time zones, so that
 * one which passes only at noon, or only where it was written, is found before it fails at night.
 * Takes what `npm test` takes (`--project unit`, names of files), and `--clock` with `--zone` for
 * one of your own.
 *
 * Each test file begins at the clock, so that each sees midnight, the new year or the change of the
 * clocks. The servers of `cluster` and `ksqldb` keep the machine's clock, so those projects are
 * left out.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'

/** All of them to come, as no test is run before it was written. */
const CLOCKS = [
  { what: 'before the first visit of the day', clock: '2027-01-11T23:02:00Z', zone: 'UTC' },
  { what: 'late on the last day of the year', clock: '2027-12-31T23:59:00Z', zone: 'Asia/Kolkata' },
  { what: 'the leap day', clock: '2028-02-29T00:02:00Z', zone: 'America/Los_Angeles' },
  { what: 'an hour is skipped', clock: '2027-03-28T00:59:00Z', zone: 'Europe/Berlin' },
  { what: 'an hour comes twice', clock: '2027-10-31T00:59:00Z', zone: 'Pacific/Kiritimati' },
  { what: 'years from now, midnight', clock: '2034-06-15T21:59:00Z', zone: 'Europe/Berlin' },
]

const { values, positionals } = parseArgs({
  options: {
    clock: { type: 'string' },
    zone: { type: 'string', default: 'UTC' },
    project: { type: 'string', multiple: true, default: ['unit', 'contract', 'e2e', 'flows'] },
  },
  allowPositionals: true,
})

/** @param {{ clock: string, zone: string }} at */
function passesAt({ clock, zone }) {
  const preload = new URL('fixtures/shifted-clock.js', import.meta.url).href
  const projects = values.project.flatMap((project) => ['--project', project])
  const run = path.join(import.meta.dirname, 'run.js')
  const { status } = spawnSync(process.execPath, [run, ...projects, ...positionals], {
    stdio: 'inherit',
    env: {
      ...process.env,
      CCS_TEST_CLOCK: clock,
      TZ: zone,
      NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${preload}`.trim(),
    },
  })
  return status === 0
}

const own = values.clock
if (own !== undefined && Number.isNaN(Date.parse(own))) {
  console.error(`--clock must be an instant such as 2028-02-29T00:02:00Z, not ${own}.`)
  process.exit(2)
}
const clocks = own === undefined ? CLOCKS : [{ what: 'your own', clock: own, zone: values.zone }]
const lines = []
for (const one of clocks) {
  const name = `${one.clock} ${one.zone} (${one.what})`
  console.log(`\n${name}`)
  const passes = passesAt(one)
  if (!passes) process.exitCode = 1
  lines.push(`${passes ? 'passed' : 'FAILED'}  ${name}`)
}
console.log(`\n${lines.join('\n')}`)
