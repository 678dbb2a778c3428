/**
 * `npm run test:flink`: the tests of a Flink cluster that take minutes each. Deployments, the audit,
 * the page and high availability; and the whole way of events through real servers while
 * TaskManager, broker and JobManager are killed. Half an hour on two cores. It starts and removes
 * its own servers. `npm run test:flink -- 1000 300 crash` takes 1,000 events per second for 300
 * seconds, and the files with `crash` in their name; CCS_FLINK_CRASH_SEED chooses other events.
 */
const [eps = '200', seconds = '150', ...names] = process.argv.slice(2)
process.env.CCS_FLINK_CRASH_EPS ??= eps
process.env.CCS_FLINK_CRASH_SECONDS ??= seconds
process.env.CCS_TEST_FLINK ??= '1'
process.argv.splice(2, process.argv.length, '--project', 'flink', ...names)
await import('./run.js')
