import type { Random } from './random.ts';

/** One life of a process, from its start to its crash. */
export interface Life {
  name: string;
  isAlive: boolean;
  /** Stopped (SIGSTOP) until then: none of its steps is taken. */
  pausedUntil: number;
}

export interface Step {
  /** Whose step it is: it goes with him. None: the world's own. */
  life: Life | undefined;
  /** Not before. */
  at: number;
  isReady: (() => boolean) | undefined;
  /** When it may become ready by the passing of time alone. */
  wakesAt: (() => number) | undefined;
  label: string | (() => string);
  run(): void;
}

/**
 * Decides what happens next. Whatever a process asks of the world (a statement, a call, a timer) is a step that
 * waits here; one at a time is taken, by chance. Between two steps anything may crash.
 */
export class Scheduler {
  now = 1_000_000_000_000;
  #steps: Step[] = [];
  #ready: number[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  add(
    life: Life | undefined,
    label: Step['label'],
    run: () => void,
    { at = 0, isReady, wakesAt }: Partial<Pick<Step, 'at' | 'isReady' | 'wakesAt'>> = {},
  ): void {
    this.#steps.push({ life, label, run, at, isReady, wakesAt });
  }

  /** Takes away the steps of a life that has ended: what it waited for never comes. */
  drop(life: Life): void {
    this.#steps = this.#steps.filter((step) => step.life !== life);
  }

  /** One of the steps that may be taken now; time passes until there is one. Undefined: nothing will ever happen. */
  take(): Step | undefined {
    for (;;) {
      const ready = this.#ready;
      ready.length = 0;
      let next = Infinity;
      for (let index = 0; index < this.#steps.length; index++) {
        const { at, life, isReady, wakesAt } = this.#steps[index]!;
        const from = life && life.pausedUntil > at ? life.pausedUntil : at;
        if (from > this.now) {
          if (from < next) next = from;
        } else if (isReady === undefined || isReady()) ready.push(index);
        else if (wakesAt) {
          const wakes = wakesAt();
          if (wakes < next) next = wakes;
        }
      }
      if (ready.length > 0) {
        const index = ready[this.#random.below(ready.length)]!;
        const step = this.#steps[index]!;
        const last = this.#steps.pop()!;
        if (index < this.#steps.length) this.#steps[index] = last;
        return step;
      }
      if (next === Infinity) return undefined;
      if (next <= this.now)
        throw new Error('the simulation stands still: a step wakes but is not ready');
      this.now = next;
    }
  }
}
