import type { Entry, EntryResult } from '@reliable-ops/saga';
import type { EngineModule } from './definitions.ts';

type Texts = Pick<EngineModule, 'readResult' | 'writeResult'>;

/** What processes hand over to each other, as Redis keeps it, in memory. */
export class Families {
  /** By their first saga: what was handed over, by entry; null once it was taken back. */
  readonly #families = new Map<number, Map<string, string | null>>();
  readonly #texts: Texts;

  /** How a result becomes text and back: the engine's own, or a mutant's. */
  constructor(texts: Texts) {
    this.#texts = texts;
  }

  get size(): number {
    return this.#families.size;
  }

  handOver(result: EntryResult): EntryResult[] | null {
    const { id, items, siblings = 1 } = result.entry;
    const first = items[0]![0];
    const family = this.#families.get(first) ?? new Map<string, string | null>();
    family.delete(id);
    if (family.size + 1 < siblings) {
      this.#families.set(first, family.set(id, this.#texts.writeResult(result)));
      return null;
    }
    this.#families.delete(first);
    const left = [...family.values()].filter((text) => text !== null);
    return [...left.flatMap((text) => this.#texts.readResult(text, result.entry) ?? []), result];
  }

  isTaken({ id, items }: Entry): boolean {
    return !this.#families.get(items[0]![0])?.has(id);
  }

  takeBack({ id, items }: Entry): boolean {
    const family = this.#families.get(items[0]![0]);
    if (!family?.get(id)) return false;
    family.set(id, null);
    return true;
  }

  clear(): void {
    this.#families.clear();
  }
}
