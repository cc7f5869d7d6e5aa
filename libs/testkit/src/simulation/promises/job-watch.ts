import type { Command, Entry } from '@reliable-ops/saga';
import type { Tables } from '../log/tables.ts';
import type { Job, QueueState } from '../queue.ts';
import type { Life } from '../scheduler.ts';
import type { Expect } from './violations.ts';

/** What a process has to do with a command, whichever attempt of it. */
interface Errand {
  /** How many jobs had been begun when it took the first with such a command. */
  begun: number;
  calls: number;
}

/** Each row has a job until it goes, and nobody begins a job on a participant that is paused. */
export class JobWatch {
  readonly #tables: Tables;
  readonly #queue: QueueState;
  readonly #expect: Expect;
  readonly #errands = new WeakMap<Life, Map<string, Errand>>();

  constructor(tables: Tables, queue: QueueState, expect: Expect) {
    this.#tables = tables;
    this.#queue = queue;
    this.#expect = expect;
  }

  /** An id that comes again is the same job: another one would be lost. */
  onSwallowed(job: Job, by: Job): void {
    this.#expect(
      false,
      'jobs',
      () => `the job of ${tellRows(job)} was swallowed by that of ${tellRows(by)}`,
    );
  }

  onBegin(life: Life, { entries }: Job): void {
    const errands = this.#errands.get(life) ?? new Map<string, Errand>();
    this.#errands.set(life, errands);
    for (const { participant, phase, items } of entries)
      for (const [sagaId] of items) {
        const id = idOf(participant, sagaId, phase);
        if (!errands.has(id)) errands.set(id, { begun: this.#queue.begun, calls: 0 });
      }
  }

  /** One that was in hand before the pause is finished. */
  onCall(life: Life, participant: string, commands: Command[]): void {
    const pausedAt = this.#queue.paused.get(participant) ?? Infinity;
    for (const { sagaId, phase } of commands) {
      const errand = this.#errands.get(life)!.get(idOf(participant, sagaId, phase))!;
      errand.calls++;
      this.#expect(
        errand.begun <= pausedAt,
        'pause',
        () => `${participant} is paused, but ${life.name} has begun a ${phase} of ${sagaId} there`,
      );
    }
  }

  /** How often a process has sent the first command of an entry. */
  callsOf(life: Life, { participant, phase, items }: Entry): number {
    return this.#errands.get(life)?.get(idOf(participant, items[0]![0], phase))?.calls ?? 0;
  }

  /** It leaves no row without a job. One whose job was taken away meanwhile is recovery's affair. */
  onFinish(job: Job): void {
    const isOwed = ({ id }: Entry): boolean => this.#tables.outbox.has(id);
    const isLeft = (entry: Entry): boolean => {
      const own = this.#queue.ownJobOf(entry);
      return (!own || own.state === 'finished') && !this.#queue.removed.has(entry.id);
    };
    this.#expect(
      !job.entries.some((entry) => isOwed(entry) && isLeft(entry)),
      'jobs',
      () => `the job of ${tellRows(job)} has ended and left a row that has no job`,
    );
  }
}

const idOf = (participant: string, sagaId: number, phase: Command['phase']): string =>
  `${participant} ${sagaId} ${phase}`;
const tellRows = ({ entries }: Job): string => entries.map(({ id }) => id).join(' ');
