/** What crosses a process, in one place: every body that HTTP carries, and `.local/stack.json`. */
export * from './saga.ts';
export * from './events.ts';
export * from './node-api.ts';
export * from './operate.ts';
export * from './verify.ts';
export * from './problem.ts';
export * from './stack.ts';
export * from './limits.ts';
