import type { Accepted } from '@reliable-ops/saga';
import { plannedSagas } from './definitions.ts';
import type { Process } from './process.ts';
import type { World } from './world.ts';

interface Request {
  /** Idempotency-Key; without one a client that got no answer does not know, and does not ask again. */
  idempotencyKey: string | null;
  digest: string;
  sagas: { name: string; key: string }[];
}

/**
 * Clients that ask for sagas, lose their patience or their connection, and ask again; they keep their own record of
 * what was answered.
 */
export class Clients {
  readonly #world: World;
  readonly #orchestrators: () => Process[];
  /** Requests that somebody still waits for. */
  open = 0;
  /** By Idempotency-Key: the batches that were asked for under it, whatever came of them. */
  readonly #attempts = new Map<string, Set<string>>();
  readonly #acknowledged = new Map<string, { batchId: string; sagas: Request['sagas'] }>();

  constructor(world: World, orchestrators: () => Process[]) {
    this.#world = world;
    this.#orchestrators = orchestrators;
    const { random, profile } = world;
    for (let n = 0; n < profile.requests; n++) {
      const idempotencyKey = random.chance(0.6) ? `key-${random.below(profile.requests)}` : null;
      const one = random.chance(profile.alike) ? random.pick(plannedSagas).name : undefined;
      const first = random.below(profile.keys);
      const sagas = Array.from({ length: 1 + random.below(profile.batch) }, (_, index) => ({
        name: one ?? random.pick(plannedSagas).name,
        key: `k${(one ? first + index : random.below(profile.keys)) % profile.keys}`,
      }));
      this.#ask(
        { idempotencyKey, digest: JSON.stringify(sagas), sagas },
        profile.stepMs * random.below(profile.steps / 2),
      );
    }
  }

  #ask(request: Request, afterMs: number): void {
    this.open++;
    const describe = (): string =>
      `a client asks for ${request.digest} under ${request.idempotencyKey}`;
    this.#world.schedule(undefined, describe, () => this.#send(request), { afterMs });
  }

  #send(request: Request): void {
    const { random } = this.#world;
    const alive = this.#orchestrators().filter(({ life }) => life.isAlive);
    if (alive.length === 0) {
      this.#giveUp(request);
      return;
    }
    const { engine, definitions } = random.pick(alive);
    const { idempotencyKey, digest, sagas } = request;
    const batchId = `batch-${random.id()}`;
    if (idempotencyKey !== null) {
      const attempts = this.#attempts.get(idempotencyKey) ?? new Set();
      this.#attempts.set(idempotencyKey, attempts.add(batchId));
    }
    let isOver = false;
    // The orchestrator may die, and then nothing ever comes.
    this.#world.schedule(
      undefined,
      () => `patience with ${batchId} ends`,
      () => {
        if (isOver) return;
        isOver = true;
        this.#world.count('request without an answer');
        this.#giveUp(request);
      },
      { afterMs: 1_000 + random.below(20_000), isReady: () => true },
    );
    engine
      .accept({
        batchId,
        idempotency: idempotencyKey === null ? null : { key: idempotencyKey, digest },
        sagas: sagas.map(({ name, key }) => ({
          definition: definitions.byName.get(name)!,
          input: { key },
        })),
      })
      .then(
        (accepted) => {
          this.#check(request, batchId, accepted);
          if (isOver) return;
          isOver = true;
          this.#world.count('request accepted');
          this.open--;
          if (idempotencyKey !== null && random.chance(0.3))
            this.#ask(request, random.below(5_000));
        },
        (error: Error) => {
          const isConflict = error.name === 'IdempotencyConflictError';
          if (isConflict) this.#checkConflict(request);
          else this.#world.blame(error, 'accept');
          if (isOver) return;
          isOver = true;
          if (isConflict) this.open--;
          else this.#giveUp(request);
        },
      );
  }

  /** Without an answer: it asks again where that is safe. */
  #giveUp(request: Request): void {
    this.open--;
    if (request.idempotencyKey !== null) this.#ask(request, this.#world.random.below(2_000));
  }

  #check(request: Request, asked: string, { batchId, repeated, sagaIds }: Accepted): void {
    const { watch, count } = this.#world;
    const { idempotencyKey, sagas } = request;
    if (!repeated && batchId !== asked)
      watch.violate('P3', `batch ${asked} was answered as ${batchId}, but not as a repeat`);
    if (repeated) count.call(this.#world, 'request repeated');
    else if (sagaIds.length !== sagas.length)
      watch.violate(
        'P2',
        `batch ${batchId} of ${sagas.length} sagas was answered with ${sagaIds.length}`,
      );
    this.#checkKept(batchId, sagas);
    if (idempotencyKey === null) {
      this.#acknowledged.set(batchId, { batchId, sagas });
      return;
    }
    const first = this.#acknowledged.get(idempotencyKey);
    if (first && first.batchId !== batchId)
      watch.violate(
        'P3',
        `${idempotencyKey} was answered with batch ${first.batchId}, then with ${batchId}`,
      );
    this.#acknowledged.set(idempotencyKey, { batchId, sagas });
  }

  #checkConflict({ idempotencyKey, digest }: Request): void {
    const standing = this.#world.tables.requests.get(idempotencyKey ?? '');
    this.#world.count('request refused: another body');
    if (!standing || standing.digest === digest)
      this.#world.watch.violate('P3', `${idempotencyKey} was refused, but its body is the same`);
  }

  /** What was answered is committed. */
  #checkKept(batchId: string, asked: Request['sagas']): void {
    const kept = [...this.#world.tables.sagas.values()].filter((saga) => saga.batchId === batchId);
    const say = (sagas: Request['sagas']): string =>
      sagas.map(({ name, key }) => `${name} ${key}`).join(', ') || 'nothing';
    if (say(kept.sort((a, b) => a.id - b.id)) !== say(asked))
      this.#world.watch.violate(
        'P2',
        `batch ${batchId} was accepted as ${say(asked)}, the log has ${say(kept)}`,
      );
  }

  atEnd(): void {
    for (const { batchId, sagas } of this.#acknowledged.values()) this.#checkKept(batchId, sagas);
    const batches = new Set([...this.#world.tables.sagas.values()].map(({ batchId }) => batchId!));
    for (const [key, attempts] of this.#attempts) {
      const made = [...attempts].filter((batchId) => batches.has(batchId));
      if (made.length > 1)
        this.#world.watch.violate('P3', `${key} made ${made.length} batches: ${made.join(', ')}`);
    }
  }
}
