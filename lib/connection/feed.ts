/**
 * What feeds a connection: a source that runs for it alone, or its place in some channels.
 *
 * @internal
 */
export interface Feed {
  /** The connection is closing: let go of it. Called at most once; nothing is written any more. */
  stop(): void;
  /** The client reads again, and all that waited in the connection is gone. */
  resume(): void;
  /**
   * The connection is about to end in good order: hands over what was accepted until now. The connection stays open
   * meanwhile.
   *
   * @returns whether that could be done in time; nothing if it is done
   */
  deliver?(): Promise<boolean> | undefined;
}
