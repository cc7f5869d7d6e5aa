/** RANDOM_BEHAVIOR: with `probability`, a request fails before anything of it is looked at. */
export interface RandomBehavior {
  probability: number;
  /** A number in [0, 1), like Math.random. */
  draw: () => number;
}

export interface RandomError {
  status: 408 | 500;
  message: string;
}

const timeout = { status: 408, message: 'Timeout due to Random Behavior' } as const;
const failure = { status: 500, message: 'InternalServerError due to Random Behavior' } as const;

/** An error at the set probability, 408 and 500 at even odds; else undefined. */
export function randomError({ probability, draw }: RandomBehavior): RandomError | undefined {
  if (probability === 0 || draw() >= probability) return undefined;
  return draw() < 0.5 ? timeout : failure;
}
