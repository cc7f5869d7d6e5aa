/** What `next` becomes; undefined when that takes longer than `beatMs`. It goes on meanwhile. */
export async function orBeat<T>(beatMs: number, next: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const beat = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, beatMs, undefined);
  });
  try {
    return await Promise.race([next, beat]);
  } finally {
    clearTimeout(timer);
  }
}
