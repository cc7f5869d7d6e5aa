import type { Command, Outcome, Participant } from './command.ts';

/**
 * Lifts a handler of one command to a participant, which takes many: at most `concurrency` run at once
 * (default 16). A command whose handler throws counts as unknown: it may have happened.
 */
export function each(
  handle: (kind: string, command: Command) => Promise<Outcome>,
  { concurrency = 16 }: { concurrency?: number } = {},
): Participant {
  return {
    async run(kind, commands) {
      const outcomes: Outcome[] = Array.from({ length: commands.length });
      let next = 0;
      const work = async (): Promise<void> => {
        for (let index = next++; index < commands.length; index = next++) {
          outcomes[index] = await handle(kind, commands[index]!).catch(
            (error: unknown): Outcome => ({
              result: 'unknown',
              error: error instanceof Error ? error.message : String(error),
            }),
          );
        }
      };
      await Promise.all(Array.from({ length: Math.min(concurrency, commands.length) }, work));
      return outcomes;
    },
  };
}
