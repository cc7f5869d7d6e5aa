import type { Random } from './random.ts';

/** Which faults a run has, and how often: each seed has some of them and not others, so that each also meets others alone. */
export interface Profile {
  keys: number;
  requests: number;
  /** Sagas in one request, at most. */
  batch: number;
  /** How many requests want the same of many keys, so that their commands share rows. */
  alike: number;
  orchestrators: number;
  /** Steps before everything is healed. */
  steps: number;
  stepAttempts: number;
  deadlineMs: number;
  /** Milliseconds that a step takes, at most. */
  stepMs: number;
  // Per step:
  crash: number;
  pause: number;
  stall: number;
  wipe: number;
  jobLost: number;
  queueAway: number;
  postgresRestart: number;
  nodeDown: number;
  jump: number;
  operate: number;
  // Per statement:
  statementFails: number;
  commitFails: number;
  commitLost: number;
  // Per call to the queue:
  queueFails: number;
  // Per call to a node, or command of it:
  callLost: number;
  callRefused: number;
  replyLost: number;
  replySlow: number;
  callLate: number;
  callRepeated: number;
  commandFails: number;
  commandReplyLost: number;
  refusal: number;
}

export const stuckAfter = 2;

export function drawProfile(random: Random): Profile {
  const sometimes = (most: number): number => (random.chance(0.5) ? most * random.next() : 0);
  return {
    keys: 1 + random.below(4),
    requests: 2 + random.below(4),
    batch: 1 + random.below(5),
    alike: random.next(),
    orchestrators: 1 + random.below(2),
    steps: 60 + random.below(240),
    stepAttempts: 1 + random.below(4),
    deadlineMs: random.chance(0.3) ? random.below(5_000) : 600_000,
    stepMs: random.pick([1, 20, 200]),
    crash: sometimes(0.03),
    pause: sometimes(0.02),
    stall: sometimes(0.08),
    wipe: sometimes(0.02),
    jobLost: sometimes(0.03),
    queueAway: sometimes(0.02),
    postgresRestart: sometimes(0.02),
    nodeDown: sometimes(0.03),
    jump: sometimes(0.03),
    operate: sometimes(0.25),
    statementFails: sometimes(0.03),
    commitFails: sometimes(0.05),
    commitLost: sometimes(0.1),
    queueFails: sometimes(0.2),
    callLost: sometimes(0.2),
    callRefused: sometimes(0.2),
    replyLost: sometimes(0.3),
    callLate: sometimes(0.3),
    callRepeated: sometimes(0.3),
    commandFails: sometimes(0.2),
    commandReplyLost: sometimes(0.2),
    refusal: sometimes(0.3),
    replySlow: sometimes(0.2),
  };
}

/** The same run without faults: what is still to happen happens undisturbed. */
export const heal = (profile: Profile): Profile => ({
  ...profile,
  crash: 0,
  pause: 0,
  stall: 0,
  wipe: 0,
  jobLost: 0,
  queueAway: 0,
  postgresRestart: 0,
  nodeDown: 0,
  jump: 0,
  operate: 0,
  statementFails: 0,
  commitFails: 0,
  commitLost: 0,
  queueFails: 0,
  callLost: 0,
  callRefused: 0,
  replyLost: 0,
  replySlow: 0,
  callLate: 0,
  callRepeated: 0,
  commandFails: 0,
  commandReplyLost: 0,
  refusal: 0,
});
