/**
 * What feeds a connection: a source that runs for it alone, or a subscription to channels.
 *
 * @internal
 */
export interface Feed {
  /** The connection is closing. Called at most once; the feed must write nothing after it. */
  stop(): void;
  /** The client reads again, and nothing waits in the connection any more. */
  resume(): void;
  /**
   * The connection is about to end cleanly. The feed hands over what was accepted until now. The connection stays open
   * meanwhile.
   *
   * @returns a promise of whether everything was handed over in time; nothing if it is done already
   */
  deliver?(): Promise<boolean> | undefined;
  /** The names of its channels, if it has some. */
  readonly channelNames?: readonly string[];
  /** How many events of its channels are not written yet. */
  readonly lag?: number;
}
