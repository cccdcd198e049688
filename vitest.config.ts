import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: ['test/helpers/global-setup.ts'],
    setupFiles: ['test/helpers/checksums.ts'],
    // Two at a time: each file may start a pool of its own, and the CI machine has two cores.
    maxWorkers: 2,
    minWorkers: 1,
  },
});
