import { comparePositions } from './stream-position.js';

/** Channels that are remembered: what is published to lately, some 100 bytes each. */
const MAX_CHANNELS = 10_000;

/**
 * The newest position of each channel that this node was told, for it to notice that the store has forgotten it.
 *
 * @internal
 */
export class KnownHeads {
  private readonly heads = new Map<string, string>();

  note(stream: string, position: string): void {
    const { heads } = this;
    const before = heads.get(stream);
    // A publish that is tried again is answered with the position of the first.
    if (before !== undefined && comparePositions(position, before) <= 0) return;
    heads.delete(stream);
    heads.set(stream, position);
    if (heads.size > MAX_CHANNELS) heads.delete(heads.keys().next().value!);
  }

  /** @param told what is known besides @returns the newer of the two */
  newest(stream: string, told: string | undefined): string | undefined {
    const head = this.heads.get(stream);
    if (head === undefined || told === undefined) return head ?? told;
    return head !== told && comparePositions(head, told) > 0 ? head : told;
  }
}
