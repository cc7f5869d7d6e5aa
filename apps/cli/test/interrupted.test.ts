import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { clientOf, nodeNames, startSystem, type System } from '@reliable-ops/testkit';
import { runCli } from './run-cli.ts';
import { hasTmux, TerminalWindow } from './tmux.ts';

const bin = fileURLToPath(new URL('../bin/rops.mjs', import.meta.url));

if (!hasTmux) console.warn('no tmux on this machine: the terminal tests are skipped');

(hasTmux ? describe : describe.skip)('Ctrl-C in the middle of a job, on a system that runs', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ env: { STEP_ATTEMPTS: '1000' } });
  });
  afterAll(async () => system?.[Symbol.asyncDispose]());

  test('leaves its sagas running, and the line that it prints comes back to them', async () => {
    const url = system.orchestratorUrl;
    const client = clientOf(system);
    for (const node of nodeNames) await client.setFaults(node, { down: true });
    await using window = await TerminalWindow.open([process.execPath, bin, 'create', '1..300'], {
      columns: 200,
      env: { ROPS_URL: url, NODE_OPTIONS: '' },
    });
    await window.screen((text) => text.includes('300 running'));
    await window.press('C-c');
    const text = await window.screen((seen) => seen.includes('ended with 130'));
    const [, line = ''] = /300 of 300 are accepted and go on; to come back: rops (.+)/.exec(text)!;

    for (const node of nodeNames) await client.setFaults(node, {});
    const { exitCode, stdout } = await runCli([...line.trim().split(' '), '--json'], { url });
    expect(JSON.parse(stdout)).toMatchObject({ total: 300, completed: 300 });
    expect(exitCode).toBe(0);
  });
});
