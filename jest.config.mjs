const transpile = (parser) => ({
  jsc: { parser, target: 'es2022' },
  module: { type: 'es6' },
});

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  globalSetup: './libs/testkit/src/global-setup.ts',
  globalTeardown: './libs/testkit/src/global-teardown.ts',
  setupFilesAfterEnv: ['./libs/testkit/src/end-with-jest.ts'],
  testMatch: ['<rootDir>/{apps,libs,infra,bench}/**/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts', '.tsx'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', transpile({ syntax: 'typescript' })],
    '^.+\\.tsx$': ['@swc/jest', transpile({ syntax: 'typescript', tsx: true })],
  },
  modulePathIgnorePatterns: ['<rootDir>/.local/'],
  testTimeout: 60_000,
  // One more than CI's cores: tests of whole systems mostly wait, for a lock to expire or a node to come back.
  maxWorkers: 3,
};
