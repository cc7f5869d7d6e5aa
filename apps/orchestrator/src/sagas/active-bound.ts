import type { SagaLog } from '@reliable-ops/saga';

/**
 * Sagas that one process may have in hand between request and commit: they are what its memory holds. What is
 * accepted lies in Postgres.
 */
const mostEntering = 20_000;
/** Milliseconds for which a count serves: where less than half of the bound is used, and where more. */
const calmMs = 1_000;
const freshMs = 250;
/** A count that takes long (many to count, a busy machine) is followed by a rest of nine times as long, but at most of this. */
const longestRestMs = 2_000;
const restFactor = 9;
/** Milliseconds after that for which it serves while another one is under way; then whoever asks waits for that. */
const staleMs = 2_000;

/**
 * Keeps the active sagas (queued, running, compensating; of the whole log, whoever accepted them) below a bound.
 * It knows them as the log's count, which is begun at most every 250 ms (a second, where there is room) and only while requests come, plus what this
 * process has accepted since: other orchestrators may overshoot by what they accept between two counts.
 */
export interface ActiveBound {
  /** To be called before deciding. Where it answers a promise (after a pause), the count is too old until that resolves; it rejects with what the log throws. */
  refresh(): Promise<void> | undefined;
  /** Why `sagas` more are refused; undefined: they may come, and count as active until they leave. What is more than the bound by itself may come when nothing is active. */
  enter(sagas: number): string | undefined;
  /** Why not even one may come. */
  whyFull(): string | undefined;
  /** They are accepted, or not. */
  leave(sagas: number, accepted: boolean): void;
}

export function createActiveBound(
  log: Pick<SagaLog, 'countActive'>,
  most: number,
  clock: () => number = () => performance.now(),
): ActiveBound {
  let counted = 0;
  /** Of this process, since the count began: some of them may be in it already, so we err on the safe side. */
  let acceptedSince = 0;
  let entering = 0;
  let countedAt = -Infinity;
  let restMs = 0;
  let counting: Promise<void> | undefined;

  const count = async (): Promise<void> => {
    const startedAt = clock();
    const before = acceptedSince;
    try {
      const { queued, running, compensating } = await log.countActive();
      counted = queued + running + compensating;
      acceptedSince -= before;
      countedAt = clock();
      restMs = Math.min(longestRestMs, restFactor * (countedAt - startedAt));
    } finally {
      counting = undefined;
    }
  };

  const active = (): number => counted + acceptedSince + entering;
  const whyNot = (sagas: number): string | undefined => {
    if (entering > 0 && entering + sagas > mostEntering)
      return `sagas that wait to be accepted by this process: ${entering}: send again later`;
    if (active() > 0 && active() + sagas > most)
      return `active sagas: ${active()}, and there may be ${most} (MAX_ACTIVE_SAGAS): send again when some have ended`;
    return undefined;
  };

  return {
    refresh() {
      const ageMs = clock() - countedAt;
      const servesMs = Math.max(restMs, 2 * active() < most ? calmMs : freshMs);
      if (ageMs < servesMs) return undefined;
      if (!counting) {
        counting = count();
        // Who waits for it hears of its error; to others the old one serves.
        counting.catch(() => {});
      }
      return ageMs > servesMs + staleMs ? counting : undefined;
    },
    enter(sagas) {
      const reason = whyNot(sagas);
      if (reason === undefined) entering += sagas;
      return reason;
    },
    whyFull: () => whyNot(1),
    leave(sagas, accepted) {
      entering -= sagas;
      if (accepted) acceptedSince += sagas;
    },
  };
}
