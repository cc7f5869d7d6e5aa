import type { Command, Outcome, Participant } from '@reliable-ops/saga';
import { nodeNames } from './definitions.ts';
import type { Kind, SimulatedNode } from './node.ts';
import type { Life } from './scheduler.ts';
import type { World } from './world.ts';

/** Milliseconds that a message may be late. */
const lateMs = 120_000;
/** Milliseconds that a node that hangs takes to answer, at most: as long as a process waits for it. */
const slowMs = 5_000;

/** The nodes as a process reaches them: its calls get lost, come late or again, and so do the answers. */
export function connectNodes(world: World, life: Life): Record<string, Participant> {
  return Object.fromEntries(
    nodeNames.map((name) => {
      const node = world.nodes.get(name)!;
      return [name, { run: (kind, commands) => call(world, life, node, kind as Kind, commands) }];
    }),
  );
}

function call(
  world: World,
  life: Life,
  node: SimulatedNode,
  kind: Kind,
  commands: Command[],
): Promise<Outcome[]> {
  const text = (): string =>
    `${node.name} ${kind} ${commands.map(({ sagaId, token }) => `${sagaId}[${token.join('.')}]`).join(' ')}`;
  world.watch.jobs.onCall(life, node.name, commands);
  const allUnknown = (error: string): Outcome[] =>
    commands.map(() => ({ result: 'unknown', error }));

  return new Promise((resolve, reject) => {
    const arrive = (): void => {
      if (world.downNodes.has(node.name)) {
        world.count('call to a node that is down');
        return answer(allUnknown('ECONNREFUSED'));
      }
      if (world.strikes('callRefused', 'call refused as a whole')) {
        world.schedule(
          life,
          () => `refusal: ${text()}`,
          () => reject(new Error('413')),
        );
        return;
      }
      if (world.strikes('callLost', 'call lost')) return answer(allUnknown('time-out'));
      if (world.strikes('callLate', 'call late')) {
        deliverLate();
        return answer(allUnknown('time-out'));
      }
      if (world.strikes('callRepeated', 'call repeated')) deliverLate();
      const outcomes = commands.map((command): Outcome => {
        if (world.strikes('commandFails', 'command failed'))
          return { result: 'unknown', error: '500 before' };
        const outcome = node.apply(kind, command);
        if (world.strikes('commandReplyLost', 'reply to a command lost'))
          return { result: 'unknown', error: '500 after' };
        return outcome;
      });
      answer(world.strikes('replyLost', 'reply lost') ? allUnknown('reset') : outcomes);
    };
    const answer = (outcomes: Outcome[]): void =>
      world.schedule(
        life,
        () => `reply of ${text()}`,
        () => resolve(outcomes),
        world.strikes('replySlow', 'reply slow') ? { afterMs: world.random.below(slowMs) } : {},
      );
    const deliverLate = (): void => {
      const deliver = (): void => {
        for (const command of commands) node.apply(kind, command);
      };
      const label = (): string => `late: ${text()}`;
      if (world.random.chance(0.3)) world.belated.push({ label: text(), deliver });
      else
        world.schedule(undefined, label, deliver, {
          // Some at once, some much later.
          afterMs: lateMs * world.random.next() ** 4,
        });
    };
    world.schedule(life, () => `call ${text()}`, arrive);
  });
}
