import { stagesQueue, type Command, type Entry, type Pause } from '@reliable-ops/saga';
import type { Tables } from '../log/tables.ts';
import type { Job, QueueState } from '../queue.ts';
import type { Life } from '../scheduler.ts';
import type { Expect } from './violations.ts';

/** What a process has to do with a command, whichever attempt of it. */
interface Errand {
  /** How many jobs had been begun when it took the first with such a command. */
  begun: number;
  /** Whether siblings shared that job and all later ones with such a command. */
  isShared: boolean;
  calls: number;
}

/** A pause that a wiped queue knows no more. */
interface LostPause {
  pause: Pause;
  /** How many jobs had been begun when the queue was told of it. */
  begun: number;
  /** How often the marker had been written when it was lost. */
  markers: number;
}

/** Each row has a job until it goes, and nobody begins a job on a participant that is paused. */
export class JobWatch {
  readonly #tables: Tables;
  readonly #queue: QueueState;
  readonly #expect: Expect;
  readonly #errands = new WeakMap<Life, Map<string, Errand>>();
  readonly #lost = new Map<string, LostPause>();
  /** Jobs begun while the queue had no marker. */
  readonly #unmarked = new WeakSet<Job>();

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

  /** Before the queue is wiped. */
  onWipe(): void {
    for (const [participant, begun] of this.#queue.paused) {
      const pause = this.#tables.pauses.get(participant);
      if (pause) this.#lost.set(participant, { pause, begun, markers: this.#queue.markers });
    }
  }

  onBegin(life: Life, job: Job): void {
    const { queue, entries } = job;
    if (this.#queue.marker === null) this.#unmarked.add(job);
    else this.#unmarked.delete(job);
    const errands = this.#errands.get(life) ?? new Map<string, Errand>();
    this.#errands.set(life, errands);
    for (const { participant, phase, items } of entries)
      for (const [sagaId] of items) {
        const id = idOf(participant, sagaId, phase);
        const errand = errands.get(id) ?? { begun: this.#queue.begun, isShared: true, calls: 0 };
        errand.isShared &&= queue === stagesQueue;
        errands.set(id, errand);
      }
  }

  /** One that was in hand before the pause is finished. */
  onCall(life: Life, participant: string, commands: Command[]): void {
    const pausedAt = this.#queue.paused.get(participant) ?? Infinity;
    const lostAt = this.#lostPauseOf(participant);
    for (const { sagaId, phase } of commands) {
      const errand = this.#errands.get(life)!.get(idOf(participant, sagaId, phase))!;
      errand.calls++;
      this.#expect(
        errand.begun <= pausedAt && (errand.begun <= lostAt || !errand.isShared),
        'pause',
        () => `${participant} is paused, but ${life.name} has begun a ${phase} of ${sagaId} there`,
      );
    }
  }

  /**
   * A queue that has lost its pauses says so as long as it has no marker: who begins a shared job hears it, and asks the log. (One that is
   * wiped again while it is rebuilt may get its marker without them: the next look of recovery puts them back.)
   */
  #lostPauseOf(participant: string): number {
    const lost = this.#lost.get(participant);
    const isStanding =
      lost !== undefined &&
      lost.markers === this.#queue.markers &&
      lost.pause === this.#tables.pauses.get(participant);
    return isStanding ? lost.begun : Infinity;
  }

  /** How often a process has sent the first command of an entry. */
  callsOf(life: Life, { participant, phase, items }: Entry): number {
    return this.#errands.get(life)?.get(idOf(participant, items[0]![0], phase))?.calls ?? 0;
  }

  /**
   * It leaves no row without a job. One whose job was taken away meanwhile is recovery's affair, and so is what is owed to a paused
   * participant while the queue has no marker.
   */
  onFinish(job: Job): void {
    if (this.#queue.marker === null || this.#unmarked.has(job)) return;
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
