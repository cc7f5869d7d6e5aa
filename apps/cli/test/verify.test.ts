import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { streamLines } from '../../../libs/client/src/lines.ts';
import { verifyLine } from '@reliable-ops/contracts';
import { runCli } from './run-cli.ts';

/** Answers each request with the next of these. */
let replies: ((response: ServerResponse) => void)[];
let server: Server;
let url: string;

beforeEach(async () => {
  replies = [];
  server = createServer((request, response) => {
    request.resume();
    const reply = replies.length > 1 ? replies.shift()! : replies[0]!;
    reply(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const rops = (argv: string[], options: Parameters<typeof runCli>[1] = {}) =>
  runCli(argv, { url, ...options });
const say =
  (...lines: object[]) =>
  (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  };
const finding = {
  type: 'finding',
  promise: 'P1',
  key: 'group:\u001b[31m',
  node: 'node02',
  expected: 'present',
  found: 'absent',
  sagaId: '7',
};
const summary = {
  type: 'summary',
  consistent: true,
  sagas: 1_000,
  groups: 900,
  inFlight: 2,
  findings: 0,
  unreachable: [],
  seconds: 1.25,
};
const away = { unreachable: [{ node: 'node03', reason: 'ECONNREFUSED' }] };
const progress = { type: 'progress', sagas: 5, groups: 3 };

describe('rops verify', () => {
  test('exit 0 and a line where all is well', async () => {
    replies = [say(progress, summary)];
    expect(await rops(['verify'])).toEqual({
      exitCode: 0,
      stdout: 'consistent (900 groups, 1,000 sagas in the log, 2 in flight, 1.3 s)\n',
      stderr: '',
    });
  });

  test('a finding cannot write to the terminal', async () => {
    replies = [say(finding, { ...summary, consistent: false, findings: 1 })];
    const { exitCode, stdout } = await rops(['verify']);
    expect(stdout.split('\n')[0]).toBe(
      'P1  group:\\x1b[31m  node02  expected present, found absent (saga 7)',
    );
    expect(exitCode).toBe(1);
  });

  test('shows how far it is on a terminal, and takes it away again', async () => {
    replies = [say(progress, summary)];
    const { stderr } = await rops(['verify'], { isTTY: true });
    expect(stderr).toContain('verifying: 5 sagas, 3 groups');
    expect(stderr.endsWith('\u001b[2K')).toBe(true);
  });

  test('--json is one document', async () => {
    replies = [say(finding, { ...summary, consistent: false, findings: 1, ...away })];
    const { exitCode, stdout } = await rops(['verify', '--json']);
    const { type: _finding, ...told } = finding;
    const { type: _summary, ...rest } = summary;
    expect(JSON.parse(stdout)).toEqual({
      ...rest,
      consistent: false,
      ...away,
      findings: [told],
    });
    expect(exitCode).toBe(3);
  });

  test('exit 3 where a node, Postgres or the orchestrator is away, with what was found so far', async () => {
    replies = [say({ ...summary, consistent: null, ...away })];
    expect(await rops(['verify'])).toMatchObject({
      exitCode: 3,
      stdout: expect.stringMatching(/^not known: nothing found, without node03/),
      stderr: 'node03 is not reachable: ECONNREFUSED\n',
    });
    replies = [say(finding, { type: 'failed', code: 'POSTGRES_AWAY', detail: 'Postgres is away' })];
    expect(await rops(['verify'])).toMatchObject({
      exitCode: 3,
      stdout: expect.stringContaining('group:'),
      stderr: 'rops: the orchestrator could not go on: Postgres is away\n',
    });
    replies = [say(finding)];
    expect(await rops(['verify'])).toMatchObject({ exitCode: 3 });
    replies = [
      (response) => {
        response.writeHead(200);
        response.write(`${JSON.stringify(finding)}\n`, () => response.destroy());
      },
    ];
    expect(await rops(['verify'])).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('connection lost'),
    });
    const busy = { type: '', title: '', status: 503, detail: 'come again', code: 'VERIFY_BUSY' };
    replies = [(response) => response.writeHead(503).end(JSON.stringify(busy))];
    expect(await rops(['verify'])).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('come again'),
    });
    replies = [(response) => response.end('<html>\n')];
    expect(await rops(['verify'])).toMatchObject({ exitCode: 3 });
    expect(await rops(['verify', '--url', 'http://127.0.0.1:1'])).toMatchObject({ exitCode: 3 });
  });

  test('a bug over there is no matter of reach', async () => {
    replies = [say({ type: 'failed', code: 'INTERNAL', detail: 'unexpected' })];
    expect(await rops(['verify'])).toMatchObject({ exitCode: 1, stderr: 'rops: unexpected\n' });
  });

  test('--watch goes on until Ctrl-C, and says what is new only', async () => {
    replies = [say(finding, { ...summary, consistent: false, findings: 1 })];
    const { exitCode, stdout } = await rops(['verify', '--watch'], {
      until: (output) => /not consistent/.test(output),
    });
    expect(stdout.match(/expected present/g)).toHaveLength(1);
    expect(exitCode).toBe(1); // the last look
  });

  test('Ctrl-C in the middle of a run', async () => {
    replies = [
      (response) => {
        response.writeHead(200);
        response.write(`${JSON.stringify(finding)}\n`);
      },
    ];
    const { exitCode } = await rops(['verify'], { until: (output) => output.includes('P1') });
    expect(exitCode).toBe(130);
  });

  test('silence has a limit, length has none', async () => {
    replies = [
      (response) => {
        response.writeHead(200);
        response.write(`${JSON.stringify(progress)}\n`);
      },
    ];
    const endpoint = { url: `${url}/`, source: '', token: undefined };
    const never = new AbortController().signal;
    const lines: unknown[] = [];
    const reading = (async () => {
      const call = { path: 'v1/verify' };
      for await (const line of streamLines(endpoint, never, call, verifyLine, 200))
        lines.push(line);
    })();
    await expect(reading).rejects.toThrow('no answer in time');
    expect(lines).toEqual([progress]);
  });

  test('lines may be cut anywhere, in the middle of a character too', async () => {
    const odd = Buffer.from(`${JSON.stringify({ ...finding, key: 'group:😀' })}\n`);
    const middle = odd.indexOf(Buffer.from('😀')) + 2;
    replies = [
      (response) => {
        response.writeHead(200);
        response.write(odd.subarray(0, middle), () =>
          setImmediate(() => {
            response.write(odd.subarray(middle));
            response.end(`${JSON.stringify({ ...summary, consistent: false })}\n`);
          }),
        );
      },
    ];
    expect((await rops(['verify'])).stdout).toContain('group:😀');
  });
});

describe('rops reconcile', () => {
  test.each([
    [['--apply', '--dry-run'], '--apply and --dry-run exclude each other'],
    [['--prefer', 'both'], '--prefer both is neither present nor absent'],
  ])('%j is refused before anything is asked', async (options, message) => {
    expect(await rops(['reconcile', ...options])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `rops: ${message}\n`,
    });
  });

  test('what is accepted can be come back to, when it is cut off', async () => {
    replies = [
      say(
        { type: 'planned', key: 'group:5', change: 'create', nodes: ['node02'], because: 'so' },
        { type: 'accepted', batchId: 'b-1', sagas: 1 },
        { type: 'failed', code: 'STOPPING', detail: 'it stops' },
      ),
    ];
    expect(await rops(['reconcile', '--apply'])).toMatchObject({
      exitCode: 3,
      stdout: 'create   group:5  on node02: so\n',
      stderr:
        '1 repair accepted, which go on: rops wait b-1\nrops: the orchestrator could not go on: it stops\n',
    });
  });
});
