/**
 * What `npm run test:fuzz` runs: 10,000 seeded lists of events from the limits of the contract. For
 * each, the engine's rows are compared with those of one plain DuckDB batch, where `npm test` takes
 * a seeded part; then all lists go into lakes, several hundred into each, and dbt's marts are
 * compared with both. It takes most of an hour on two cores. CCS_FUZZ_SEED and CCS_FUZZ_LISTS
 * choose other lists and another number; the marts need Python, as `ccs dbt build` does.
 */
process.env.CCS_FUZZ_SEED ??= '1'
process.env.CCS_FUZZ_LISTS ??= '10000'
const { CCS_FUZZ_SEED, CCS_FUZZ_LISTS } = process.env
console.log(`${CCS_FUZZ_LISTS} lists, CCS_FUZZ_SEED=${CCS_FUZZ_SEED}`)
process.argv.push('--project', 'contract', '--project', 'fuzz', 'fuzz')
await import('./run.js')
