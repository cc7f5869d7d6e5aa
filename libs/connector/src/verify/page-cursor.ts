/** A sorted source that comes in pages, taken item by item; the page after the one in hand is already on its way. */
export class PageCursor<Item> {
  readonly #pages: AsyncIterator<Item[]>;
  #page: Item[] = [];
  #place = 0;
  #following: Promise<IteratorResult<Item[]>> | undefined;
  #isDone = false;

  constructor(pages: AsyncIterable<Item[]>) {
    this.#pages = pages[Symbol.asyncIterator]();
  }

  /** The item in hand; undefined where the page is used up, or the source is through. */
  get head(): Item | undefined {
    return this.#page[this.#place];
  }

  /** Whether `head` says the truth: there is an item, or there will be none. */
  get isReady(): boolean {
    return this.#isDone || this.#place < this.#page.length;
  }

  /** Everything has been taken. */
  get isThrough(): boolean {
    return this.#isDone && this.#place >= this.#page.length;
  }

  take(): void {
    this.#place++;
  }

  /** Waits for the next page. Throws what the source throws. */
  async fill(): Promise<void> {
    while (!this.isReady) {
      const { value, done } = await (this.#following ?? this.#pages.next());
      if (done === true) {
        this.#isDone = true;
        return;
      }
      this.#page = value;
      this.#place = 0;
      this.#following = this.#pages.next();
      this.#following.catch(() => {}); // whoever fills hears of it
    }
  }

  /** Nothing more is wanted of the source. */
  close(): void {
    this.#isDone = true;
    this.#page = [];
    this.#following = undefined;
    void this.#pages.return?.().catch(() => {});
  }
}
