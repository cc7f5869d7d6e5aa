import { randomUUID } from 'node:crypto';
import type { Tracing } from '@reliable-ops/observability';
import type { Accepted, AcceptRequest, Engine } from '@reliable-ops/saga';
import { unavailable } from '../problem.ts';
import { postgresPatienceMs, within } from '../within.ts';
import { digestOf } from './idempotency.ts';

/** Sagas that may wait to be accepted: what comes on top is asked to come again, instead of filling the memory. */
const mostWaiting = 50_000;

export type Accept = (
  form: 'single' | 'batch',
  idempotencyKey: string | null,
  sagas: AcceptRequest['sagas'],
) => Promise<Accepted>;

/** Accepts sagas together or not at all. Each request has a batch of its own, by which a repeat finds its sagas. */
export function createAcceptance(engine: Engine, tracing?: Tracing): Accept {
  let waiting = 0;
  return async (form, idempotencyKey, sagas) => {
    if (waiting > 0 && waiting + sagas.length > mostWaiting)
      throw unavailable('OVERLOADED', `${waiting} sagas wait to be accepted: try again`);
    const idempotency =
      idempotencyKey === null ? null : { key: idempotencyKey, digest: digestOf(form, sagas) };
    waiting += sagas.length;
    const ask = (traceparent: string | null): Promise<Accepted> =>
      engine.accept({ batchId: randomUUID(), idempotency, sagas, traceparent });
    const accepting = (tracing ? tracing.accept(sagas.length, ask) : ask(null)).finally(
      () => (waiting -= sagas.length),
    );
    return within(postgresPatienceMs, accepting);
  };
}
