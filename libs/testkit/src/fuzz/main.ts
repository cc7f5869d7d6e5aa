import { runCommand, write } from '../command.ts';
import startTestServers from '../global-setup.ts';
import stopTestServers from '../global-teardown.ts';
import { parseOptions, usage, type FuzzOptions } from './options.ts';
import { runFuzz } from './run.ts';

const mostFindings = 20;

await runCommand({ usage, parseOptions, run: fuzz });

async function fuzz(options: FuzzOptions): Promise<number> {
  write(
    `fuzz: --requests ${options.requests} --seed ${options.seed} --concurrency ${options.concurrency}`,
  );
  await startTestServers();
  try {
    const { requests, seconds, sagas, statuses, findings } = await runFuzz({
      ...options,
      say: write,
    });
    const rate = Math.round(requests / seconds);
    write(`${requests} requests in ${seconds.toFixed(1)} s (${rate}/s), ${sagas} sagas accepted`);
    for (const [name, count] of [...statuses].sort()) write(`  ${name.padEnd(24)} ${count}`);
    for (const finding of findings.slice(0, mostFindings)) write(finding);
    write(findings.length === 0 ? 'everything holds' : `FAILED: ${findings.length} findings`);
    return findings.length === 0 ? 0 : 1;
  } finally {
    await stopTestServers();
  }
}
