import { describe } from '@jest/globals';
import { findBrowser } from '@reliable-ops/testkit/browser';

const isThere = findBrowser() !== undefined;
if (!isThere)
  process.stderr.write(
    'no browser found: tests of the console in a browser are skipped (apt-get install chromium, or set CHROMIUM_PATH)\n',
  );

/** Tests in a real browser; skipped, and counted so, where none is found. */
export const describeInBrowser = isThere ? describe : describe.skip;
