import { randomUUID } from 'node:crypto';
import type { Tracing } from '@reliable-ops/observability';
import {
  createBatcher,
  type Accepted,
  type AcceptRequest,
  type Engine,
  type SagaLog,
} from '@reliable-ops/saga';
import { overloaded } from '../problem.ts';
import { postgresPatienceMs, within } from '../within.ts';
import { createActiveBound } from './active-bound.ts';
import { digestOf } from './idempotency.ts';

export interface Acceptance {
  /** Throws a 429 where not even one saga would be taken: to be asked before a body is read, so that refusing costs little. */
  admit(idempotencyKey: string | null): Promise<void>;
  /** Accepts sagas together or not at all. Throws a 429 where they are too many: then nothing of the request was accepted. */
  accept(
    form: 'single' | 'batch',
    idempotencyKey: string | null,
    sagas: AcceptRequest['sagas'],
  ): Promise<Accepted>;
}

export interface AcceptanceOptions {
  engine: Engine;
  log: SagaLog;
  maxActiveSagas: number;
  tracing?: Tracing | undefined;
}

/** Idempotency-Keys looked up by one query, when many ask at once. */
const keysPerLook = 500;

/**
 * Each request has a batch of its own, by which a repeat finds its sagas. One whose key was accepted before is never
 * refused, however many sagas are active: its answer is owed, and it brings none.
 */
export function createAcceptance({
  engine,
  log,
  maxActiveSagas,
  tracing,
}: AcceptanceOptions): Acceptance {
  const bound = createActiveBound(log, maxActiveSagas);
  const keys = createBatcher<string, boolean>({
    maxWeight: keysPerLook,
    async run(asked) {
      const found = await log.findRequests([...new Set(asked)]);
      return asked.map((key) => found.has(key));
    },
  });
  const wasAccepted = async (key: string | null): Promise<boolean> =>
    key !== null && (await within(postgresPatienceMs, keys.submit(key)));

  return {
    async admit(idempotencyKey) {
      // Where the count is too old, what a person typed wrong is told before Postgres is asked.
      const reason = bound.refresh() ? undefined : bound.whyFull();
      if (reason !== undefined && !(await wasAccepted(idempotencyKey))) throw overloaded(reason);
    },
    async accept(form, idempotencyKey, sagas) {
      const refreshing = bound.refresh();
      if (refreshing) await within(postgresPatienceMs, refreshing);
      const reason = bound.enter(sagas.length);
      if (reason !== undefined && !(await wasAccepted(idempotencyKey))) throw overloaded(reason);
      const hasEntered = reason === undefined;
      const idempotency =
        idempotencyKey === null ? null : { key: idempotencyKey, digest: digestOf(form, sagas) };
      const ask = (traceparent: string | null): Promise<Accepted> =>
        engine.accept({ batchId: randomUUID(), idempotency, sagas, traceparent });
      const accepting = tracing ? tracing.accept(sagas.length, ask) : ask(null);
      const leave = (accepted: boolean): void => {
        if (hasEntered) bound.leave(sagas.length, accepted);
      };
      accepting.then(
        ({ repeated }) => leave(!repeated),
        () => leave(false),
      );
      return within(postgresPatienceMs, accepting);
    },
  };
}
