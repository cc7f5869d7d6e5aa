/** Something in the way that a person can put right: shown as its message alone, exit 1. */
export class StackError extends Error {
  override readonly name = 'StackError';
  readonly code = 'STACK';
}
