/** Channels that are remembered: what is published to lately, some 100 bytes each. */
const MAX_CHANNELS = 10_000;

/**
 * The newest position of each channel that a publish of this node was answered with: by it the node notices that the
 * store has forgotten it.
 *
 * @internal
 */
export class HeadCache {
  private readonly heads = new Map<string, string>();

  /** @param compare negative when the first position was stored before the second */
  constructor(private readonly compare: (a: string, b: string) => number) {}

  note(channel: string, position: string): void {
    const { heads } = this;
    const before = heads.get(channel);
    // A publish that is tried again is answered with the position of the first.
    if (before !== undefined && this.compare(position, before) <= 0) return;
    heads.delete(channel);
    heads.set(channel, position);
    if (heads.size > MAX_CHANNELS) heads.delete(heads.keys().next().value!);
  }

  /** @param told what is known besides @returns the newer of the two */
  newest(channel: string, told: string | undefined): string | undefined {
    const head = this.heads.get(channel);
    if (head === undefined || told === undefined) return head ?? told;
    return head !== told && this.compare(head, told) > 0 ? head : told;
  }
}
