import { createRandom } from '../random.ts';

/**
 * What the proxy can do to a request, each with its probability.
 * - late: holds it until its client has given up, and then delivers it
 * - duplicate: delivers it twice, the second time at once or some seconds later
 * - reorder: holds it until some later ones have passed
 * - lostReply: cuts the connection once it was delivered
 * - cutReply: cuts the connection in the middle of the reply
 * - cut: cuts the connection before it is delivered
 */
export const proxyFaultNames = [
  'late',
  'duplicate',
  'reorder',
  'lostReply',
  'cutReply',
  'cut',
] as const;
export type ProxyFault = (typeof proxyFaultNames)[number];
/** Probabilities; their sum is at most 1. */
export type ProxyFaults = Record<ProxyFault, number>;

export interface Decision {
  /** null: the request passes untouched. */
  fault: ProxyFault | null;
  /** In [0, 1): how much of it, such as how late. */
  size: number;
}

export const noProxyFaults: ProxyFaults = {
  late: 0,
  duplicate: 0,
  reorder: 0,
  lostReply: 0,
  cutReply: 0,
  cut: 0,
};

/**
 * Answers a function that decides for one request after another. Every request takes two draws, whatever is switched
 * on: request n of a seed meets the same fate under the same faults, whatever befell those before it.
 */
export function createDecisions(seed: number): (faults: ProxyFaults) => Decision {
  const random = createRandom(seed, 'proxy');
  return (faults) => {
    let draw = random.next();
    const size = random.next();
    for (const fault of proxyFaultNames) {
      if (draw < faults[fault]) return { fault, size };
      draw -= faults[fault];
    }
    return { fault: null, size };
  };
}
