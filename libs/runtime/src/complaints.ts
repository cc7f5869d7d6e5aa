import type { Logger } from './logging.ts';

/** Milliseconds in which the same complaint is not repeated. */
const quietMs = 30_000;
/** Different complaints remembered; beyond, the memory starts anew. */
const rememberedComplaints = 100;

/** A connection complains at each attempt while its server is away; the log hears it once in a while. */
export function createComplaints(logger: Logger, message: string): (error: Error) => void {
  const lastAt = new Map<string, number>();
  return (error) => {
    const now = performance.now();
    const kind = kindOf(error);
    if (now - (lastAt.get(kind) ?? -Infinity) < quietMs) return;
    if (lastAt.size >= rememberedComplaints) lastAt.clear();
    lastAt.set(kind, now);
    logger.warn({ err: error }, message);
  };
}

/** What a message says apart from ids and numbers: a hundred jobs that lost their locks are one complaint. */
const kindOf = ({ message }: Error): string =>
  message.replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|\d+/g, '#');
