import type { OperatorAnswer } from '@reliable-ops/saga';
import type { Process } from './process.ts';
import type { World } from './world.ts';

const verbs = ['cancel'] as const;
type Verb = 'cancel' | 'resolve';

/** What an answer promises of the saga's end. */
const endsAs: Record<Verb, Partial<Record<OperatorAnswer, string[]>>> = {
  cancel: { done: ['cancelled'], begun: ['cancelled', 'resolved'] },
  resolve: { done: ['resolved'] },
};

/** Operators who take sagas back, or vouch for them, at any time. */
export class Operators {
  readonly #world: World;
  readonly #promised: { id: number; verb: Verb; answer: OperatorAnswer }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  operate({ engine }: Process): void {
    const { random, tables } = this.#world;
    if (tables.sagas.size === 0) return;
    const verb = random.pick(verbs);
    const ids = [
      ...new Set(
        Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(tables.sagas.size + 1)),
      ),
    ];
    engine[verb](ids).then(
      (answers) => {
        for (const [id, answer] of answers) {
          this.#world.count(`${verb}: ${answer}`);
          this.#promised.push({ id, verb, answer });
        }
      },
      (error: unknown) => this.#world.blame(error, verb),
    );
  }

  atEnd(): void {
    for (const { id, verb, answer } of this.#promised) {
      const promised = endsAs[verb][answer];
      const status = this.#world.tables.sagas.get(id)?.status;
      if (promised && !promised.includes(status ?? 'unknown'))
        this.#world.watch.violate(
          'operators',
          `${verb} of saga ${id} was answered "${answer}", but it ended ${status}`,
        );
    }
  }
}
