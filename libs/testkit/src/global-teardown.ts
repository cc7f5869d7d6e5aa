/** What the set-up started, in that order; both run in the same process. */
const key = Symbol.for('reliable-ops.test-servers');
const shared = globalThis as { [key]?: AsyncDisposable[] };
export const testServers: AsyncDisposable[] = (shared[key] ??= []);

export default async function stopTestServers(): Promise<void> {
  for (let last = testServers.pop(); last; last = testServers.pop())
    await last[Symbol.asyncDispose]();
}
