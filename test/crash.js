/**
 * What `npm run test:crash` runs: the tests of faults in full, where `npm test`,
 * `npm run test:faults` and `npm run test:cluster` take a seeded part. kill -9 at 200 points, a crash at every call of the file
 * system, every way a disk fills up, 2,000 races for a lock, twenty kills of the gate where there is a
 * cluster. It takes most of an hour on two cores. CCS_KILL_SEED and CCS_CRASH_SEED choose other points.
 */
process.env.CCS_KILL_POINTS ??= '200'
process.env.CCS_CRASH ??= 'all'
process.env.CCS_LOCK_RACES ??= '2000'
process.env.CCS_POISON_EACH ??= '10000'
process.argv.push(
  ...['unit', 'contract', 'e2e', 'faults', 'cluster'].flatMap((project) => ['--project', project]),
  'faults/',
  'log-crash',
  'kernel-lock',
  'log-verify',
  'publish-gold',
  'disk-full',
  'tmpfs',
  'poison',
  'log-faults',
  'lake.test',
  'decode.test',
  'connect-crash',
  'cluster/deploy',
  'cluster/gate',
  'cluster/outage',
  'cluster/pipeline',
)
await import('./run.js')
