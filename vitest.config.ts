import { defineConfig } from 'vitest/config'

const FAST = ['unit', 'contract', 'e2e']
/** Their tests share a Kafka and a registry. */
const ON_SERVERS = ['cluster', 'flink']
const LONG = ['flows', 'faults', 'fuzz']
const PROJECTS = [...FAST, ...LONG, ...ON_SERVERS, 'ksqldb', 'readers', 'warehouse', 'bi']

export default defineConfig({
  test: {
    projects: PROJECTS.map((name) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        testTimeout: name === 'unit' ? 20_000 : 120_000,
        hookTimeout: 120_000,
        ...(name === 'ksqldb' ? { fileParallelism: false } : {}),
        ...(ON_SERVERS.includes(name)
          ? { globalSetup: ['test/fixtures/cluster-setup.ts'], retry: 1 }
          : {}),
      },
    })),
  },
})
