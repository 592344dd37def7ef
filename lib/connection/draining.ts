/**
 * Whether the application is closing. Then new requests are told when to come back.
 *
 * @internal
 */
export class Draining {
  private retryText: (() => string) | undefined;

  get isDraining(): boolean {
    return this.retryText !== undefined;
  }

  /** @param retryText makes the text for each client, so that they do not all come back at once */
  begin(retryText: () => string): void {
    this.retryText = retryText;
  }

  /** The text for a client that cannot be served now. It says when to come back. */
  comeBack(): string {
    return this.retryText?.() ?? ': try again\n\n';
  }
}
