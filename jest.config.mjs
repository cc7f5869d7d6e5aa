/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  globalSetup: './libs/testkit/src/global-setup.ts',
  globalTeardown: './libs/testkit/src/global-teardown.ts',
  setupFilesAfterEnv: ['./libs/testkit/src/end-with-jest.ts'],
  testMatch: ['<rootDir>/{apps,libs,infra,bench}/**/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/.local/'],
  testTimeout: 60_000,
  maxWorkers: 2,
};
