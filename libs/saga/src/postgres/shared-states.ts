export interface SharedStates {
  /** A JSON array of the distinct states. */
  states: string;
  /** For each saga, in their order, the place of its state in that array, from 1 on, as `with ordinality` counts. */
  numbers: number[];
}

/** Finds the sagas whose state is the same to the letter; what differs in any field stays apart. */
export function shareStates<T>(sagas: T[], stateOf: (saga: T) => object): SharedStates {
  const known = new Map<string, number>();
  const numbers = sagas.map((saga) => {
    const state = JSON.stringify(stateOf(saga));
    let number = known.get(state);
    if (number === undefined) {
      number = known.size + 1;
      known.set(state, number);
    }
    return number;
  });
  return { states: `[${[...known.keys()].join(',')}]`, numbers };
}
