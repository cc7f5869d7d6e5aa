import { commandOf, type Command, type Entry } from '@reliable-ops/saga';
import type { Commit, Tables } from '../log/tables.ts';
import { isActive } from './statuses.ts';
import type { Expect } from './violations.ts';

const phaseIn: Record<string, Command['phase']> = {
  preparing: 'prepare',
  running: 'action',
  compensating: 'compensation',
};

const commandsOf = (entry: Entry | undefined): Command[] =>
  entry?.items.map((item) => commandOf(entry, item)) ?? [];

/** Every step under way has its command in the outbox, once, and nothing else has one. */
export class OutboxWatch {
  readonly #tables: Tables;
  readonly #expect: Expect;
  /** By saga. */
  readonly #commands = new Map<number, { entry: string; command: Command }[]>();

  constructor(tables: Tables, expect: Expect) {
    this.#tables = tables;
    this.#expect = expect;
  }

  /** Answers the sagas whose commands have come or gone. */
  onCommit({ outbox }: Commit): number[] {
    const sagas: number[] = [];
    for (const { before, after } of outbox) {
      for (const command of commandsOf(before)) {
        this.#forget(command, before!);
        sagas.push(command.sagaId);
      }
      for (const command of commandsOf(after)) {
        this.#remember(command, after!);
        sagas.push(command.sagaId);
      }
    }
    return sagas;
  }

  #remember(command: Command, { id }: Entry): void {
    const owed = this.#commands.get(command.sagaId);
    if (owed) owed.push({ entry: id, command });
    else this.#commands.set(command.sagaId, [{ entry: id, command }]);
  }

  #forget(command: Command, { id }: Entry): void {
    const owed = this.#commands.get(command.sagaId)!;
    owed.splice(
      owed.findIndex(({ entry, command: { step } }) => entry === id && step === command.step),
      1,
    );
  }

  check(id: number): void {
    const saga = this.#tables.sagas.get(id);
    const owed = this.#commands.get(id) ?? [];
    const say = (): string =>
      `saga ${id} is ${saga?.status} (${saga?.steps.map(({ name, state, attempts }) => `${name} ${state} ${attempts}`).join(', ')}), the outbox holds ${owed.map(({ command: { step, phase, attempt, token } }) => `${step} ${phase} ${attempt} [${token.join('.')}]`).join(', ') || 'nothing'}`;
    if (!isActive(saga)) {
      this.#expect(owed.length === 0, 'outbox', say);
      return;
    }
    let underWay = 0;
    for (const { name, state, attempts } of saga.steps) {
      const phase = phaseIn[state];
      if (!phase) continue;
      underWay++;
      const own = owed.filter(({ command }) => command.step === name);
      const { command } = own[0] ?? {};
      this.#expect(
        own.length === 1 &&
          command!.phase === phase &&
          command!.attempt === attempts + 1 &&
          command!.token[0] === saga.fence,
        'outbox',
        say,
      );
    }
    this.#expect(underWay > 0 && owed.length === underWay, 'outbox', say);
  }
}
