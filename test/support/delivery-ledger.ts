/** What one receiver got, in order: an event by its name, or a gap. */
export type Received = string | typeof GAP;
export const GAP = Symbol('gap');

export interface Verdict {
  readonly published: number;
  /** Publishes whose outcome the publisher was not told: they may have been stored. */
  readonly unknown: number;
  readonly delivered: number;
  readonly repeated: number;
  readonly outOfOrder: number;
  readonly missingWithoutGap: number;
  readonly gaps: number;
}

/**
 * Knows what was published and acknowledged, and judges what receivers got.
 *
 * The order is that of the positions, which the store gave. What a receiver did not get must lie behind a gap that it was
 * told of: from the first event of all on, or from the first that it got if it may begin anywhere, and up to the last.
 */
export class DeliveryLedger {
  private readonly stored = new Map<string, readonly [number, number]>();
  unknown = 0;

  /** A publish was acknowledged. */
  acknowledge(name: string, position: string): void {
    const [ms, seq] = position.split('-').map(Number);
    if (this.stored.has(name)) throw new Error(`${name} was acknowledged twice`);
    this.stored.set(name, [ms ?? NaN, seq ?? NaN]);
  }

  get published(): number {
    return this.stored.size;
  }

  /** @param mayBeginAnywhere where a receiver begins is not known: it was not there before the first event */
  judge(receivers: readonly (readonly Received[])[], mayBeginAnywhere = false): Verdict {
    const order = [...this.stored].sort(([, a], [, b]) => a[0] - b[0] || a[1] - b[1]).map(([name]) => name);
    const rank = new Map(order.map((name, i) => [name, i]));
    let [delivered, repeated, outOfOrder, missingWithoutGap, gaps] = [0, 0, 0, 0, 0];
    for (const received of receivers) {
      const seen = new Set<string>();
      let last = mayBeginAnywhere ? undefined : -1;
      let wasGap = false;
      for (const one of received) {
        if (one === GAP) {
          gaps++;
          wasGap = true;
          continue;
        }
        delivered++;
        if (seen.has(one)) repeated++;
        seen.add(one);
        const at = rank.get(one);
        // Its publisher was not told that it was stored: it has no place in the order.
        if (at === undefined) continue;
        if (last !== undefined && at < last) outOfOrder++;
        if (last !== undefined && at > last + 1 && !wasGap) missingWithoutGap += at - last - 1;
        last = at;
        wasGap = false;
      }
      if (!wasGap) missingWithoutGap += order.length - 1 - (last ?? -1);
    }
    return {
      published: this.published,
      unknown: this.unknown,
      delivered,
      repeated,
      outOfOrder,
      missingWithoutGap,
      gaps,
    };
  }
}

/** One line about a scenario, past jest's boxes. */
export function report(
  scenario: string,
  { published, unknown, delivered, repeated, missingWithoutGap, gaps }: Verdict,
): void {
  process.stdout.write(
    `  ${scenario}: ${published} events published (${unknown} of unknown outcome), ${delivered} delivered, ` +
      `${repeated} repeated, ${missingWithoutGap} missing without a gap, ${gaps} gaps\n`,
  );
}
