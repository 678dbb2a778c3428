/**
 * `npm run test:flink`: the whole way of events through real servers with a Flink cluster, while its
 * TaskManager, the broker and its JobManager are killed; ten minutes or more. It starts and removes
 * its own servers. `npm run test:flink -- 1000 300` takes 1,000 events per second for 300 seconds;
 * CCS_FLINK_CRASH_SEED chooses others.
 */
process.env.CCS_FLINK_CRASH_EPS ??= process.argv[2] ?? '200'
process.env.CCS_FLINK_CRASH_SECONDS ??= process.argv[3] ?? '150'
process.env.CCS_TEST_FLINK ??= '1'
process.argv.splice(2, process.argv.length, '--project', 'cluster', 'flink-crash')
await import('./run.js')
