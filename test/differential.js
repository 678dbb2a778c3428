/**
 * What `npm run test:differential` runs: seeded lists of events from the limits of the contract, and
 * simulated weeks, on the embedded engine, in a plain DuckDB batch and on a real Flink, which must
 * give the same rows in every column. `npm run test:differential -- 20 2` takes twenty groups of up
 * to 200 lists, each a job of one to three minutes, and two weeks of 200,000 events, each a few
 * minutes. CCS_DIFFERENTIAL_SEED chooses others.
 */
process.env.CCS_DIFFERENTIAL_GROUPS ??= process.argv[2] ?? '5'
process.env.CCS_DIFFERENTIAL_LARGE ??= process.argv[3] ?? '5'
process.env.CCS_DIFFERENTIAL_LISTS ??= '200'
process.env.CCS_DIFFERENTIAL_EVENTS ??= '200000'
process.env.CCS_DIFFERENTIAL_SEED ??= '5'
process.env.CCS_TEST_FLINK ??= '1'
const { CCS_DIFFERENTIAL_GROUPS, CCS_DIFFERENTIAL_LARGE, CCS_DIFFERENTIAL_SEED } = process.env
console.log(
  `${CCS_DIFFERENTIAL_GROUPS} groups, ${CCS_DIFFERENTIAL_LARGE} weeks, ` +
    `CCS_DIFFERENTIAL_SEED=${CCS_DIFFERENTIAL_SEED}`,
)
process.argv.splice(2, process.argv.length, '--project', 'cluster', 'flink-rows', 'flink-large')
await import('./run.js')
