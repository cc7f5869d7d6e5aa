/** One way to make the same change: every id on three nodes. */
export interface Contender {
  name: string;
  /** What it is, for the legend of the table. */
  says: string;
  /** The module that sends the work, from bench/; it runs in a process of its own. */
  client: string;
  /** Our orchestrator and workers, where they take part. */
  system?: { workers: number; protocol: 'fenced' | 'plain' };
  /** Sagas in flight; of `bulk` the chunks. */
  inFlight: number;
  /** Part of --n that it makes: slow ones would take minutes. */
  share: number;
  change: 'create' | 'delete';
  /** Each call to a node waits for --delay first. */
  delayed?: boolean;
  /** It answers per batch, so the saga log says how long each saga took. */
  latencyFromLog?: boolean;
}

const fenced = { workers: 1, protocol: 'fenced' } as const;
const plain = { workers: 1, protocol: 'plain' } as const;
const bulk = {
  client: 'src/clients/bulk.ts',
  inFlight: 4,
  share: 1,
  change: 'create',
  latencyFromLog: true,
} as const;
const loop = {
  client: 'src/clients/loop.ts',
  inFlight: 100,
  share: 0.25,
  change: 'create',
} as const;

export const contenders: Contender[] = [
  { name: 'loop', says: 'three calls at once through an undici pool; keeps nothing', ...loop },
  {
    name: 'loop-ky',
    says: 'the same through ky, as our connector calls nodes',
    ...loop,
    client: 'src/clients/loop-ky.ts',
    share: 0.1,
  },
  {
    name: 'loop-sequential',
    says: 'one call after another, one saga after another, undici',
    ...loop,
    client: 'src/clients/loop-sequential.ts',
    inFlight: 1,
    share: 0.05,
  },
  {
    name: 'bullmq-single',
    says: 'one BullMQ job a saga, which makes the three calls',
    client: 'peers/src/bullmq-single.ts',
    inFlight: 100,
    share: 0.25,
    change: 'create',
  },
  {
    name: 'bullmq-flow',
    says: 'a BullMQ flow: a job a call, and their parent',
    client: 'peers/src/bullmq-flow.ts',
    inFlight: 100,
    share: 0.1,
    change: 'create',
  },
  {
    name: 'dbos',
    says: 'DBOS Transact: a workflow of three steps',
    client: 'peers/src/dbos.ts',
    inFlight: 100,
    share: 0.04,
    change: 'create',
  },
  {
    name: 'restate',
    says: 'Restate: a handler of three durable steps',
    client: 'peers/src/restate.ts',
    inFlight: 100,
    share: 0.1,
    change: 'create',
  },
  {
    name: 'bulk',
    says: 'ours: batches of 1,000, as rops create sends them',
    ...bulk,
    system: fenced,
  },
  {
    name: 'single',
    says: 'ours: 100 clients, a saga a request, each waits for its end',
    client: 'src/clients/single.ts',
    system: fenced,
    inFlight: 100,
    share: 0.25,
    change: 'create',
  },
  {
    name: 'bulk-plain',
    says: 'ours over the plain protocol: one ky call a step',
    ...bulk,
    system: plain,
    share: 0.1,
  },
  {
    name: 'delete',
    says: 'ours: what bulk has created is deleted again',
    ...bulk,
    system: fenced,
    change: 'delete',
  },
  {
    name: 'two-workers',
    says: 'bulk with two workers',
    ...bulk,
    system: { ...fenced, workers: 2 },
  },
  {
    name: 'delayed',
    says: 'bulk with --delay (20) ms of latency per call',
    ...bulk,
    inFlight: 8,
    system: fenced,
    delayed: true,
  },
  {
    name: 'delayed-two',
    says: 'the same with two workers',
    ...bulk,
    inFlight: 8,
    system: { ...fenced, workers: 2 },
    delayed: true,
  },
  {
    name: 'one',
    says: 'ours: one saga at a time on an idle system',
    client: 'src/clients/single.ts',
    system: fenced,
    inFlight: 1,
    share: 0.02,
    change: 'create',
  },
  { name: 'loop-one', says: 'loop: one saga at a time', ...loop, inFlight: 1, share: 0.02 },
  {
    name: 'limit',
    says: 'the rows of bulk by bare multi-row SQL; no HTTP, no queue, nothing decided',
    client: 'src/clients/limit.ts',
    inFlight: 4,
    share: 1,
    change: 'create',
  },
];
