export interface Violation {
  /** P1..P7, or what else must hold. */
  promise: string;
  what: string;
}

/** Notes that a promise is broken where `holds` is false. */
export type Expect = (holds: boolean, promise: string, what: () => string) => void;

/** The first violation of a run: what comes after it may only follow from it. */
export class Violations {
  first: Violation | undefined;

  violate(promise: string, what: string): void {
    this.first ??= { promise, what };
  }

  readonly expect: Expect = (holds, promise, what) => {
    if (!holds && !this.first) this.violate(promise, what());
  };
}
