import type { SagaStatus } from '@reliable-ops/contracts';
import type { OperatorAnswer } from '@reliable-ops/saga';
import { nodeNames } from './definitions.ts';
import type { Process } from './process.ts';
import type { World } from './world.ts';

const verbs = ['cancel', 'resolve', 'retry'] as const;
type Verb = (typeof verbs)[number];

/** What an answer promises of the saga's end. */
const endsAs: Record<Verb, Partial<Record<OperatorAnswer['result'], SagaStatus[]>>> = {
  cancel: { done: ['cancelled'], begun: ['cancelled', 'resolved'] },
  resolve: { done: ['resolved'] },
  retry: {},
};
const operator = { by: 'somebody', note: null };

/** Operators who take sagas back, vouch for them, hurry them, or work on a node, at any time. */
export class Operators {
  readonly #world: World;
  readonly #promised: { id: number; verb: Verb; result: OperatorAnswer['result'] }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  operate(process: Process): void {
    const { random } = this.#world;
    if (random.chance(0.3)) this.#pauseOrResume(process);
    else if (random.chance(0.2)) this.#retryStuck(process);
    else this.#changeSagas(process);
  }

  /** Who has paused a node resumes it, some time: until then nothing has to end. */
  resumeAll({ engine }: Process): void {
    for (const participant of this.#world.tables.pauses.keys())
      engine.resume(participant).catch((error: unknown) => this.#world.blame(error, 'resume'));
  }

  #changeSagas({ engine }: Process): void {
    const { random, tables } = this.#world;
    if (tables.sagas.size === 0) return;
    const verb = random.pick(verbs);
    // Mostly one that is under way; at times any, or one that is not there.
    const going = [...tables.sagas.values()].filter(({ endedAt }) => endedAt === null);
    const anyId = (): number =>
      going.length > 0 && random.chance(0.7)
        ? random.pick(going).id
        : 1 + random.below(tables.sagas.size + 1);
    const ids = [...new Set(Array.from({ length: 1 + random.below(3) }, anyId))];
    engine[verb](ids, operator).then(
      (answers) => {
        for (const [id, { result }] of answers) {
          this.#world.count(`${verb}: ${result}`);
          this.#promised.push({ id, verb, result });
        }
      },
      (error: Error) => {
        if (error.name === 'ContendedError') this.#world.count(`${verb}: contended`);
        else this.#world.blame(error, verb);
      },
    );
  }

  #pauseOrResume({ engine }: Process): void {
    const { random, tables } = this.#world;
    const participant = random.pick(nodeNames);
    const verb = tables.pauses.has(participant) || random.chance(0.2) ? 'resume' : 'pause';
    const asking =
      verb === 'pause' ? engine.pause(participant, operator) : engine.resume(participant);
    asking.then(
      ({ isTold }) => this.#world.count(`${verb}: ${isTold ? 'told' : 'not told'}`),
      (error: unknown) => this.#world.blame(error, verb),
    );
  }

  #retryStuck({ engine }: Process): void {
    engine.retryStuck(operator, 1 + this.#world.random.below(3)).then(
      ({ hastened }) => {
        if (hastened > 0) this.#world.count('stuck saga hastened');
      },
      (error: unknown) => this.#world.blame(error, 'retry of what is stuck'),
    );
  }

  atEnd(): void {
    const { tables, watch } = this.#world;
    for (const { id, verb, result } of this.#promised) {
      if (result === 'refused' || result === 'unknown') continue;
      const promised = endsAs[verb][result];
      const { status, history } = tables.sagas.get(id)!;
      if (promised && !promised.includes(status))
        watch.violate(
          'operators',
          `${verb} of saga ${id} was answered "${result}", but it ended ${status}`,
        );
      if (!history.some((record) => record.verb === verb))
        watch.violate(
          'operators',
          `${verb} of saga ${id} was answered "${result}", but its history does not say so`,
        );
    }
  }
}
