import type { FailedLine } from '@reliable-ops/contracts';
import { waitAtMost } from '@reliable-ops/runtime';

/** A line at least this often: clients take longer silence for a dead connection. */
const beatMs = 1_000;

export interface LineSource {
  /** The last of them is the end of the story. */
  lines: AsyncGenerator<object, void>;
  /** Said while nothing else is to say. */
  beat(): object;
  /** Nobody listens any more. */
  abort(): void;
  /** What `lines` threw, as the last line. */
  explain(error: unknown): FailedLine;
}

export const jsonLinesHeaders = {
  'Content-Type': 'application/x-ndjson',
  'Cache-Control': 'no-store',
};

const encoder = new TextEncoder();
const encode = (line: object): Uint8Array => encoder.encode(`${JSON.stringify(line)}\n`);

/**
 * Answers NDJSON, a line as soon as it is there and somebody reads it. What fails before the first beat is thrown; later
 * the status is out, so the last line says it.
 */
export async function answerLines({ lines, beat, abort, explain }: LineSource): Promise<Response> {
  let next: Promise<IteratorResult<object, void>> | undefined = lines.next();
  await waitAtMost(beatMs, next);

  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        next ??= lines.next();
        const result = await waitAtMost(beatMs, next);
        if (result === undefined) return controller.enqueue(encode(beat()));
        next = undefined;
        if (result.done === true) controller.close();
        else controller.enqueue(encode(result.value));
      } catch (error) {
        controller.enqueue(encode(explain(error)));
        controller.close();
      }
    },
    cancel() {
      next?.catch(() => {}); // it ends by the abort
      abort();
      lines.return().catch(() => {});
    },
  });
  return new Response(body, { headers: jsonLinesHeaders });
}
