/** What has happened so far, in order. A spec waits for a fact, never for time. */
export class Facts {
  readonly told: unknown[] = [];
  private readonly waiting = new Map<unknown, (() => void)[]>();

  tell(fact: unknown): void {
    this.told.push(fact);
    for (const resolve of this.waiting.get(fact) ?? []) resolve();
    this.waiting.delete(fact);
  }

  /** Resolves once `fact` has been told, also when that was before. */
  until(fact: unknown): Promise<void> {
    if (this.told.includes(fact)) return Promise.resolve();
    return new Promise((resolve) => this.waiting.set(fact, [...(this.waiting.get(fact) ?? []), resolve]));
  }

  forget(): void {
    this.told.length = 0;
  }
}
