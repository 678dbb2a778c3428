import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      'unit',
      'contract',
      'e2e',
      'faults',
      'fuzz',
      'cluster',
      'ksqldb',
      'readers',
      'bi',
    ].map((name) => ({
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
