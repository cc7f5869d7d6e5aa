import { hasEnded, type OperatorVerb, type SagaView } from '@reliable-ops/contracts';

/** What an operator is told before he does it. */
export interface Consequences {
  /** On the button. */
  act: string;
  /** What will happen, a sentence each. */
  sentences: string[];
}

/** Undefined where it makes no sense for the saga as it is now; it may have moved on when he does it, so the engine decides. */
export function consequencesOf(verb: OperatorVerb, view: SagaView): Consequences | undefined {
  switch (verb) {
    case 'cancel':
      return ofCancel(view);
    case 'retry':
      return ofRetry(view);
    case 'resolve':
      return ofResolve(view);
  }
}

function ofCancel({ status, steps }: SagaView): Consequences | undefined {
  const act = 'Cancel this saga';
  if (status === 'queued')
    return {
      act,
      sentences: [
        'It is queued and nothing of it has been sent: it ends at once, as cancelled.',
        'No node is touched, and the other sagas of its key go on.',
      ],
    };
  if (status !== 'running') return undefined;
  const applied = steps.filter(({ state }) => state === 'applied');
  const underWay = steps.filter(({ state }) => state === 'running' || state === 'preparing');
  return {
    act,
    sentences: [
      applied.length > 0
        ? `${stepsText(applied)} applied already and will be taken back.`
        : 'No step has been applied so far.',
      ...(underWay.length > 0
        ? [`${stepsText(underWay)} under way: what has come of it will be taken back as well.`]
        : []),
      'When every node is as it was before, the saga ends as cancelled. Until then its key stays taken.',
    ],
  };
}

function ofRetry({ status, steps }: SagaView): Consequences | undefined {
  if (hasEnded(status) || status === 'queued') return undefined;
  const owed = steps.filter(({ state }) =>
    ['preparing', 'running', 'compensating'].includes(state),
  );
  return {
    act: 'Retry now',
    sentences: [
      ...owed.map(
        ({ participant, attempts, state }) =>
          `${participant}: ${state === 'compensating' ? 'compensation' : 'action'} attempt ${attempts + 1} is made now, if it waits.`,
      ),
      'Attempts count as before, and nothing else changes.',
    ],
  };
}

function ofResolve({ status, steps }: SagaView): Consequences | undefined {
  if (status !== 'compensating') return undefined;
  const open = steps.filter(({ state }) => ['compensating', 'applied', 'running'].includes(state));
  return {
    act: 'Resolve: I have cleaned up by hand',
    sentences: [
      open.length > 0
        ? `${stepsText(open)} not taken back yet, and nobody will try any more.`
        : 'Nothing more of it will be sent.',
      'The saga ends as resolved: you vouch that its nodes are as they should be. The next saga of its key begins at once.',
      'A request that is under way right now may still take effect. This cannot be undone.',
    ],
  };
}

const stepsText = (steps: SagaView['steps']): string => {
  const names = steps.map(({ participant }) => participant);
  const last = names.at(-1) ?? '';
  const all = names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${last}` : last;
  return `${all} ${names.length > 1 ? 'are' : 'is'}`;
};
