/** Throws unless a node holds exactly the ids that it should: who loses work, or does it twice, is not fast. */
export function verifyIds(node: string, held: string[], expected: string[]): void {
  const left = new Set(held);
  const missing = expected.filter((id) => !left.delete(id));
  if (missing.length === 0 && left.size === 0 && held.length === expected.length) return;
  throw new Error(
    `${node} holds ${held.length} groups instead of ${expected.length}: ${missing.length} are missing${named(missing)}, ${left.size} too many${named([...left])}`,
  );
}

const named = ([first]: string[]): string => (first === undefined ? '' : ` ("${first}")`);
