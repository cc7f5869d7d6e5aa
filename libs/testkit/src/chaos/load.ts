import { createRandom } from '../random.ts';

/** A request that the client will make. */
export interface PlannedRequest {
  /** Since the load began. */
  atMs: number;
  form: 'single' | 'batch';
  saga: 'create-group' | 'delete-group';
  groupIds: string[];
  /** null: sent without one, and so never again. */
  idempotencyKey: string | null;
  /** Sent again, with the same key: until it is answered, when it was answered already, or never. */
  repeats: 'until answered' | 'always' | 'never';
}

export interface LoadOptions {
  seed: number;
  seconds: number;
  /** About so many sagas in all. */
  sagas: number;
}

/** Sagas a key, on average: enough that they queue for each other. */
const sagasPerKey = 12;
const batchSagas = 40;

/** The requests of a run, spread over its seconds. Group ids repeat, also within a batch. */
export function planLoad({ seed, seconds, sagas }: LoadOptions): PlannedRequest[] {
  const random = createRandom(seed, 'load');
  const keys = Math.max(5, Math.round(sagas / sagasPerKey));
  const requests: Omit<PlannedRequest, 'atMs'>[] = [];
  for (let planned = 0; planned < sagas;) {
    const form = random.next() < 0.4 ? 'single' : 'batch';
    const count = form === 'single' ? 1 : Math.min(random.between(1, batchSagas), sagas - planned);
    const draw = random.next();
    requests.push({
      form,
      saga: random.next() < 0.6 ? 'create-group' : 'delete-group',
      groupIds: Array.from({ length: count }, () => `g${random.between(1, keys)}`),
      idempotencyKey: draw < 0.2 ? null : `chaos-${seed}-${requests.length}`,
      repeats: draw < 0.4 ? 'never' : draw < 0.85 ? 'until answered' : 'always',
    });
    planned += count;
  }
  const everyMs = (seconds * 1_000) / requests.length;
  return requests.map((request, n) => ({
    ...request,
    atMs: Math.round((n + random.next()) * everyMs),
  }));
}
