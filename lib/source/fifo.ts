/** From here on the used-up front is cut off when it is half of the array: rarely enough to cost nothing per item. */
const MIN_CUT = 64;

/**
 * First in, first out. `Array.shift()` moves everything that is left, which at ten thousand items is most of the work.
 *
 * @internal
 */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** The oldest item, or `undefined` when there is none. */
  shift(): T | undefined {
    const item = this.items[this.head];
    if (this.head < this.items.length) {
      this.items[this.head] = undefined;
      this.head += 1;
      if (this.head === this.items.length) {
        this.clear();
      } else if (this.head >= MIN_CUT && this.head * 2 >= this.items.length) {
        this.items = this.items.slice(this.head);
        this.head = 0;
      }
    }
    return item;
  }

  clear(): void {
    this.items.length = 0;
    this.head = 0;
  }
}
