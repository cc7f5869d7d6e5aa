import { createRandom, type Random } from '../random.ts';
import { startSystem } from '../system.ts';
import { newAnswerRecord, noteAnswer } from './answers.ts';
import { makeNodeRequest } from './node-requests.ts';
import { createOrchestratorRequests } from './orchestrator-requests.ts';
import { makeRawRequest } from './raw-requests.ts';
import { describeRequest, type FuzzRequest } from './request.ts';
import { createSender } from './send.ts';
import { checkTables } from './tables.ts';

export interface FuzzOptions {
  requests: number;
  seed: number;
  /** Requests under way at once. */
  concurrency: number;
  say(line: string): void;
}

export interface FuzzResult {
  requests: number;
  seconds: number;
  /** Sagas that were accepted. */
  sagas: number;
  /** How often each status came, by API; `no answer`: most of them had no end. */
  statuses: Map<string, number>;
  findings: string[];
}

/** Requests between two lines of progress. */
const progressEvery = 10_000;

/** Sends generated requests, most of them bad, to a system of its own, and holds it to what it promises whatever comes. */
export async function runFuzz({
  requests,
  seed,
  concurrency,
  say,
}: FuzzOptions): Promise<FuzzResult> {
  // Errors only: any line that a process writes is a finding.
  await using system = await startSystem({ env: { LOG_LEVEL: 'error', LOG_FORMAT: 'json' } });
  const processes = [system.nodeApi, system.orchestrator, ...system.workers];
  const pids = processes.map(({ pid }) => pid);
  using sender = createSender({
    orchestrator: system.orchestratorUrl,
    'node-api': system.nodeApiUrl,
  });
  const make = createMaker(await readContents(system.orchestratorUrl));
  const random = createRandom(seed);
  const record = newAnswerRecord();
  const since = performance.now();
  let sent = 0;
  const sendAll = async (): Promise<void> => {
    while (sent < requests) {
      if (++sent % progressEvery === 0) say(`${sent} of ${requests}`);
      const request = make(random);
      try {
        noteAnswer(record, request, await sender.send(request));
      } catch (error) {
        record.findings.push(`${(error as Error).message}: ${describeRequest(request)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, sendAll));
  const seconds = (performance.now() - since) / 1_000;

  const { sagas, findings } = await checkTables(system.databaseUrl, record);
  for (const [index, { name, pid, output }] of processes.entries()) {
    if (pid === undefined || pid !== pids[index]) findings.push(`${name} has ended`);
    if (output() !== '') findings.push(`${name} wrote: ${output().slice(0, 2_000)}`);
  }
  return {
    requests,
    seconds,
    sagas,
    statuses: record.statuses,
    findings: [...record.findings, ...findings],
  };
}

function createMaker(contents: string[]): (random: Random) => FuzzRequest {
  const makeOrchestratorRequest = createOrchestratorRequests(contents);
  return (random) => {
    const at = random.between(0, 99);
    if (at < 8) return makeRawRequest(random);
    return at < 54 ? makeOrchestratorRequest(random) : makeNodeRequest(random);
  };
}

/** What the orchestrator says it serves: "GET /v1/sagas/:id", ... */
async function readContents(url: string): Promise<string[]> {
  const contents = (await (await fetch(url)).json()) as Record<string, string>;
  return Object.keys(contents);
}
