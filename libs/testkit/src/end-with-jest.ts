import { afterAll } from '@jest/globals';
import { testEnvironment } from './test-environment.ts';

/** How often a worker of jest looks whether jest itself still lives, in milliseconds. */
const lookEveryMs = 500;

/**
 * In every test file (jest's setupFilesAfterEnv): a jest that is killed leaves its workers running until their test
 * is done, and with them all that the test has started. `process` in here is jest's copy, which gets no "disconnect", so
 * we look.
 */
const { mainProcess } = testEnvironment();
const looking = setInterval(() => {
  try {
    process.kill(mainProcess, 0);
  } catch {
    process.kill(process.pid, 'SIGKILL'); // the leash ends the rest
  }
}, lookEveryMs);
looking.unref();
afterAll(() => clearInterval(looking));
