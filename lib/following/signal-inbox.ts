/** How many signals are kept for a node that is away, and remembered as heard: some hundred bytes each. */
export const SIGNALS_KEPT = 1_000;

/** How long they are kept, in milliseconds: longer than any connection is replaced in. */
export const SIGNALS_KEPT_MS = 300_000;

/** What one node has told all. @internal */
export interface StoredSignal {
  readonly id: string;
  readonly message: string;
  /** How long ago, by the clock of the store, in milliseconds. */
  readonly ageMs: number;
}

/** The command that signals are read by. @internal */
export interface SignalStore {
  /** The signals that are kept: the newest {@link SIGNALS_KEPT} of the last {@link SIGNALS_KEPT_MS}, oldest first. */
  signals(): Promise<readonly StoredSignal[]>;
}

/**
 * What the nodes tell each other, each signal heard once.
 *
 * A notification alone is lost when the listening connection is being made anew at that moment, on a busy machine for
 * example. So signals are stored for a while as well, and each refers to the one before: whoever sees that one is missing, or
 * begins to listen again, reads them.
 *
 * @internal
 */
export class SignalInbox {
  /** Whether something may be missing that could not be read: the store is away. */
  isBehind = true;
  private readonly heard = new Set<string>();
  private readonly startedAt = performance.now();
  private work: Promise<void> | undefined;
  private needsWork = false;
  private isClosed = false;

  constructor(
    private readonly store: SignalStore,
    private readonly tell: (message: string, ageMs: number) => void,
  ) {}

  /** A signal has arrived. @param previous the id of the one before it, unless it is the first */
  received(id: string, previous: string | undefined, message: string): void {
    if (this.isClosed) return;
    const isMissing = previous !== undefined && !this.heard.has(previous);
    this.hear({ id, message, ageMs: 0 });
    if (isMissing) void this.catchUp();
  }

  /** From now on every signal arrives. */
  subscribed(): void {
    void this.catchUp();
  }

  close(): void {
    this.isClosed = true;
  }

  /** Reads what is kept. @returns when that is done, or could not be */
  catchUp(): Promise<void> {
    this.needsWork = true;
    return (this.work ??= this.run().finally(() => (this.work = undefined)));
  }

  private async run(): Promise<void> {
    while (this.needsWork && !this.isClosed) {
      this.needsWork = false;
      this.isBehind = true;
      const signals = await this.store.signals().catch(() => undefined);
      // The store is away: asked again with the next check, or when the listening connection is there again.
      if (!signals || this.isClosed) return;
      this.isBehind = false;
      for (const signal of signals) this.hear(signal);
    }
  }

  private hear({ id, message, ageMs }: StoredSignal): void {
    const { heard } = this;
    if (heard.has(id)) return;
    heard.add(id);
    if (heard.size > SIGNALS_KEPT * 2) heard.delete(heard.values().next().value!);
    // What was said before this node listened was not said to it.
    if (ageMs <= performance.now() - this.startedAt) this.tell(message, ageMs);
  }
}
