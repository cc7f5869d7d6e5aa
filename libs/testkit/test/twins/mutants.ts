/** A mistake, made in a copy of the engine (saga/) or of the world that it runs in (simulation/). */
export interface Mutant {
  name: string;
  /** What the simulation has to say is broken; any of these. */
  breaks: string[];
  /** Path below saga/ or simulation/, and texts that each stand there exactly once, with what takes their place. */
  changes: { file: string; from: string; to: string }[];
}

const mutant = (
  name: string,
  breaks: string[],
  file: string,
  from: string,
  to: string,
  ...more: [from: string, to: string, file?: string][]
): Mutant => ({
  name,
  breaks,
  changes: [
    { file, from, to },
    ...more.map(([first, second, other]) => ({ file: other ?? file, from: first, to: second })),
  ],
});

const node = 'simulation/node.ts';
const statements = 'simulation/log/statements.ts';
const siblings = 'saga/siblings.ts';
const queue = 'simulation/queue.ts';

export const mutants: Mutant[] = [
  // ---- nodes that do not keep the fence table ----
  mutant(
    'the node compares no tokens',
    ['P3', 'P4', 'P5', 'P1'],
    node,
    'const order = token[0] - record.token[0] || token[1] - record.token[1];',
    'const order = 1;',
  ),
  mutant(
    'the node applies a token that comes again',
    ['P3', 'P1'],
    node,
    'if (order > 0) this.#decide',
    'if (order >= 0) this.#decide',
  ),
  mutant(
    'the node keeps no token for the undo of an action that never came',
    ['P5', 'P1'],
    node,
    '    record.token = token;',
    '    if (!isUndo || isHeld) record.token = token;',
  ),
  mutant(
    'the node undoes by deleting what existed before',
    ['P1'],
    node,
    "['created', 'deleted', 'set'].includes(record.outcome)) return",
    "['created', 'deleted', 'set', 'existed'].includes(record.outcome)) return",
    ['record.before = content;', "record.before = record.outcome === 'existed' ? null : content;"],
  ),

  // ---- a log whose statements do not promise what they should ----
  mutant(
    'the next saga of a lane is taken from the snapshot of the statement that locks it',
    ['P4'],
    statements,
    'const holders = new Map<string, number | null>();',
    'const holders = new Map(); (tx as any).shown = new Map(tables.sagas);',
    [
      'for (const id of new Set([...tables.sagas.keys(), ...tx.sagas.keys()])) {',
      'for (const id of (tx as any).shown.keys()) {',
    ],
  ),
  mutant(
    'ids and fences are drawn before the lanes are locked',
    ['P4'],
    statements,
    'const lanes = new Map<string, { holder: number | null; fence: number }>();',
    'const lanes = new Map(); const drawn = keys.map(() => ({ id: tables.nextSagaId(), fence: tables.nextFence() }));',
    [
      'return keys.map((key) => ({ id: tables.nextSagaId(), ...lanes.get(key)! }));',
      'return keys.map((key, n) => ({ ...lanes.get(key)!, ...drawn[n]! }));',
    ],
  ),
  mutant(
    'lanes are locked in no order',
    ['lock order'],
    statements,
    'const shown = sorted(keys).flatMap((key) => {',
    'const shown = keys.flatMap((key) => {',
  ),

  // That outbox rows are locked in one order is shown by log-contract/outbox.test.ts: here two workers hardly ever hold the same
  // two jobs in opposite orders at the same time.

  // ---- accept ----
  mutant(
    'the Idempotency-Key is not checked',
    ['P3'],
    'saga/accept.ts',
    '!request.idempotency || claimed.get(request.idempotency.key)?.batchId === request.batchId;',
    'true;',
  ),
  mutant(
    'a transaction does not wait for what it writes',
    ['outbox', 'P2', 'P4', 'engine'],
    'simulation/log/simulated-log.ts',
    'await written.get(tx);',
    '',
  ),
  mutant(
    'the token is drawn when a saga is accepted, not when it gets its lane',
    ['P4', 'status'],
    'saga/accept.ts',
    'crowd.queued.push({ ...member, fence: null });',
    'crowd.queued.push({ ...member, fence });',
    ['fence: tables.nextFence(),', 'fence: saga.fence ?? tables.nextFence(),', statements],
  ),

  // ---- commit ----
  mutant(
    'the outbox row is deleted before the commit',
    ['outbox'],
    'saga/commit.ts',
    'tx.takeEntries(results.map(({ entry }) => entry.id)),',
    'log.transaction((first) => first.takeEntries(results.map(({ entry }) => entry.id))),',
  ),
  mutant(
    'commit does not look whether the row stands',
    ['outbox', 'engine', 'report'],
    'saga/commit.ts',
    'const taken = results.filter(({ entry }) => standing.delete(entry.id));',
    'const taken = results;',
  ),
  mutant(
    'the lane is released before the undo',
    ['P4'],
    'saga/commit.ts',
    'if (!hasEnded(changed.state.status)) continue;',
    "if (!hasEnded(changed.state.status) && changed.state.status !== 'compensating') continue;",
  ),
  mutant(
    'the lane is not handed on',
    ['P4'],
    'saga/commit.ts',
    'const successors = members.filter(({ key }) => freed.delete(key));',
    'const successors: Member[] = [];',
  ),
  mutant(
    'half of a batch that failed as a whole is forgotten',
    ['outbox'],
    'saga/entries.ts',
    '[entry.items.slice(0, middle), entry.items.slice(middle)]',
    '[entry.items.slice(0, middle)]',
  ),
  mutant(
    'what came of one saga is taken for what came of all in its state',
    ['P1', 'P3', 'P4', 'P5', 'outbox', 'status'],
    'saga/commit.ts',
    'const places = this.#bySaga.get(member.id);',
    'const places = this.#bySaga.get(members[0]!.id);',
  ),
  mutant(
    'what came of the first command of an entry is taken for what came of all',
    ['P1', 'P3', 'status'],
    'saga/commit.ts',
    'const place = from + of[index]!;',
    'const place = from + of[0]!;',
  ),

  // ---- siblings share a job ----
  mutant(
    'a late entry leaves its job and gets none of its own',
    ['jobs'],
    siblings,
    'await queue.part(entry, clock());',
    '',
  ),
  mutant(
    'what came of a late entry is committed by nobody, and its own job ends with it',
    ['jobs'],
    siblings,
    'const committed = track(commitOne(running));',
    'const committed = track(running);',
  ),
  mutant(
    'where one is late nobody commits what came of its siblings',
    ['jobs'],
    siblings,
    '...(results.length > 0 ? commit(results) : [])',
    '...(results.length > 0 && leaving.length === 0 ? commit(results) : [])',
  ),
  mutant(
    'an entry that is held up leaves its job and gets none of its own',
    ['jobs'],
    siblings,
    'if (leaving.length > 0)',
    'if (leaving.length > 9)',
  ),
  mutant(
    'an entry that leaves because its participant is paused is run nevertheless',
    ['pause'],
    siblings,
    'return job.filter((entry) => !leaving.includes(entry));',
    'return job;',
  ),
  mutant(
    'nobody asks which participants are paused',
    ['pause'],
    siblings,
    'for (const { participant } of away.values()) heldUp.add(participant);',
    'heldUp.clear(); for (const { participant } of away.values()) heldUp.add(participant);',
  ),
  mutant(
    'a queue that has lost its pauses is taken for one that has none',
    ['pause'],
    'saga/engine.ts',
    'return isWhole ? paused : new Set([...paused, ...(await pausedOfLog())]);',
    'return paused;',
  ),
  mutant(
    'the last entry of a shared job goes for an own job, which no pause lets through',
    ['pause'],
    'saga/engine.ts',
    'siblings.together(owed, job.length > 1)',
    'siblings.together(owed)',
  ),
  mutant(
    'a shared job is dropped once the row of one of its entries is gone',
    ['jobs'],
    'saga/engine.ts',
    'return job.filter((_, n) => owed[n]);',
    'return owed.every(Boolean) ? job : [];',
  ),
  mutant(
    'of a shared job that stalls again and again only the first entry is halved',
    ['jobs'],
    'saga/engine.ts',
    'committer.submit(job.map(',
    'committer.submit(job.slice(0, 1).map(',
  ),
  mutant(
    'siblings of the next stage share the job of this one',
    ['jobs'],
    'saga/entries.ts',
    '{ ...entry, job: siblings[0]!.id }',
    '{ ...entry, job: String(entry.items[0]![0]) }',
  ),
  mutant(
    'what is left of siblings when an operator has taken commands out of them shares their job',
    ['jobs'],
    statements,
    'const { job: _, ...entry } = entryOf(tables, tx, id)!;',
    'const entry = entryOf(tables, tx, id)!;',
  ),
  mutant(
    'all entries of a shared job carry what the first one does',
    ['P1'],
    'saga/bullmq/job-queue.ts',
    'other.length === items.length && other.every((item, n) => item === items[n]);',
    'true;',
  ),
  mutant(
    'steps share what their commands carry, whatever each knows of the state before',
    ['P1'],
    'saga/advance.ts',
    'made.find((one) => one.data === data && one.context === context);',
    'made.find((one) => one.data === data);',
  ),

  // ---- what a saga does next ----
  mutant(
    'a step whose outcome is unknown is not taken back',
    ['P1', 'status'],
    'saga/advance.ts',
    "step.state === 'applied' || (step.state === 'failed' && step.uncertain === true);",
    "step.state === 'applied';",
  ),
  mutant(
    'nobody remembers that an attempt was unknown',
    ['P1'],
    'saga/advance.ts',
    "if (outcome.result === 'unknown' && phase === 'action') step.uncertain = true;",
    '',
  ),
  mutant(
    'the undo has the token of its action',
    ['P1'],
    'saga/command.ts',
    "token: [fence, phase === 'compensation' ? 1 : 0],",
    'token: [fence, 0],',
  ),
  mutant(
    'an undo is sent beside a live action',
    ['outbox'],
    'saga/advance.ts',
    ".filter(({ step }) => step.state === 'applied' || step.state === 'failed')",
    ".filter(({ step, definition }) => ['applied', 'failed', definition.compensation ? 'running' : ''].includes(step.state))",
  ),
  mutant(
    'a compensation gives up',
    ['outbox', 'P6'],
    'saga/advance.ts',
    'saga.stuck ||= isStuck(rules, step);',
    'if (attempt >= rules.policy.stuckAfter) return []; saga.stuck ||= isStuck(rules, step);',
  ),
  mutant(
    'nobody is told that a saga is stuck',
    ['P6'],
    'saga/advance.ts',
    'saga.stuck ||= isStuck(rules, step);',
    '',
  ),
  mutant(
    'the before-image is not read before the action',
    ['P1'],
    'saga/advance.ts',
    "const phase = definition.prepare && step.before === undefined ? 'prepare' : 'action';",
    "const phase = 'action';",
  ),
  mutant(
    'the order of an attempt that was made meanwhile is sent all the same',
    ['outbox', 'engine'],
    'saga/advance.ts',
    '.filter(({ head }) => isAwaited(state, head));',
    ';',
  ),
  mutant(
    'stages are taken back first one first',
    ['stages'],
    'saga/advance.ts',
    'for (let stage = rules.definition.stages - 1; stage >= 0; stage--) {',
    'for (let stage = 0; stage < rules.definition.stages; stage++) {',
    [
      'for (let stage = 0; stage < rules.definition.stages; stage++) {\n    const steps',
      'for (let stage = 0 as number; stage < rules.definition.stages; stage++) {\n    const steps',
    ],
  ),

  // ---- operators ----
  mutant(
    'a resolve does not look whether a commit has gone ahead of it',
    ['outbox'],
    'saga/operate.ts',
    'if (ended.length > 0 && (await tx.findOwed(ended)).size > 0) throw withdrawing;',
    '',
  ),
  mutant(
    'what is left of a row keeps its id when an operator has taken commands out of it',
    ['outbox', 'report'],
    statements,
    'rest.push({ ...entry, id: newId(), items: others });',
    'rest.push({ ...entry, items: others });',
  ),
  mutant(
    'commit locks lanes before outbox rows',
    ['lock order'],
    'saga/commit.ts',
    'const [standing, locked] = await Promise.all([',
    'await tx.lockLanes(keys); const [standing, locked] = await Promise.all([',
  ),
  mutant(
    'a cancelled saga forgets that it was cancelled',
    ['operators'],
    'saga/advance.ts',
    "ended(saga, saga.cancelled ? 'cancelled' : 'compensated', now);",
    "ended(saga, 'compensated', now);",
  ),

  // ---- recovery ----
  mutant(
    'recovery does not look for missing jobs',
    ['P7'],
    'saga/recovery.ts',
    'const missing = await queue.findMissing(entries);',
    'const missing: Entry[] = [];',
  ),
  mutant(
    'recovery gives siblings the job again that they shared, which has ended',
    ['jobs', 'P7'],
    'saga/recovery.ts',
    'const alone = (entries: Entry[]): Entry[][] => entries.map((entry) => [entry]);',
    "import { groupIntoJobs } from './entries.ts'; const alone = groupIntoJobs;",
    ['await queue.withdraw(lost);', ''],
  ),
  mutant(
    'a shared job that has ended is taken for one that is still there',
    ['P7'],
    queue,
    '!(job && this.#isLive({ queue: stagesQueue, id: job })),',
    '!(job && this.jobs.has(keyOf({ queue: stagesQueue, id: job }))),',
  ),
  mutant(
    'the marker is written before what it promises is published',
    ['P2'],
    'saga/recovery.ts',
    'const added = await republishAll();',
    'await queue.writeMarker(incarnation); const added = await republishAll();',
  ),
];
