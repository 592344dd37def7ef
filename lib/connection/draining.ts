/**
 * Whether the application is closing: then new requests are told to come back.
 *
 * @internal
 */
export class Draining {
  private retryText: (() => string) | undefined;

  get isDraining(): boolean {
    return this.retryText !== undefined;
  }

  /** @param retryText what a client is told from now on: made for each, so that they do not all come back at once */
  begin(retryText: () => string): void {
    this.retryText = retryText;
  }

  /** What a client that cannot be served now is told: events that say when to come back. */
  comeBack(): string {
    return this.retryText?.() ?? ': try again\n\n';
  }
}
