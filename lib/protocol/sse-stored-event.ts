/**
 * An event of a channel as it is stored. Filters, `latest` and `history()` see it. It is the same on every node.
 *
 * @publicApi
 */
export interface SseStoredEvent {
  /** Its position in its channel, which is its id. */
  readonly id: string;
  readonly type?: string | undefined;
  /** The data as text, as on the wire: JSON, unless it was a string. */
  readonly data?: string | undefined;
}
