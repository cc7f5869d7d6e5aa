import { expect } from '@jest/globals';
import type { ChangesEvent, SagaView } from '@reliable-ops/contracts';
import { checkEvent } from './documented.ts';

export interface ReadEvent {
  event: string;
  id: string | undefined;
  // oxlint-disable-next-line typescript/no-explicit-any
  data: any;
}

/** Reads server-sent events from an answer, one by one, passing over comments; each as the document tells it. Undefined at the end. */
export function readEvents({ status, headers, body }: Response) {
  expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  const reader = body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const next = async (): Promise<ReadEvent | undefined> => {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end < 0) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        text += decoder.decode(value, { stream: true });
        continue;
      }
      const fields = text
        .slice(0, end)
        .split('\n')
        .map((line) => /^(\w*): ?(.*)$/.exec(line)!.slice(1, 3) as [string, string]);
      text = text.slice(end + 2);
      const { event, id, data } = Object.fromEntries(fields);
      if (event === undefined) continue;
      const read = { event, id, data: JSON.parse(data!) };
      checkEvent(event, read.data);
      return read;
    }
  };
  return {
    next,
    /** The first event for which `isIt` holds; throws where the stream ends before. */
    async find(isIt: (data: ChangesEvent & SagaView) => boolean): Promise<ReadEvent> {
      for (;;) {
        const found = await next();
        if (!found) throw new Error('the stream has ended');
        if (isIt(found.data)) return found;
      }
    },
    close: () => reader.cancel(),
  };
}
