import { defineConfig } from 'vitest/config'

const FAST = ['unit', 'contract', 'e2e']
const PROJECTS = [...FAST, 'faults', 'fuzz', 'cluster', 'ksqldb', 'readers', 'warehouse', 'bi']

export default defineConfig({
  test: {
    projects: PROJECTS.map((name) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        testTimeout: name === 'unit' ? 20_000 : 120_000,
        hookTimeout: 120_000,
        ...(name === 'ksqldb' ? { fileParallelism: false } : {}),
        ...(name === 'cluster'
          ? { globalSetup: ['test/fixtures/cluster-setup.ts'], retry: 1 }
          : {}),
      },
    })),
  },
})
