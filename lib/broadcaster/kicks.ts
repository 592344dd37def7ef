import { isSignalling } from '../backplane/abilities.js';
import type { SseBackplane, SseBackplaneEvent } from '../backplane/backplane.js';
import { closeReason } from '../connection/close-reason.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { Connection } from '../connection/connection.js';
import type { SseConnection } from '../connection/sse-connection.js';
import { encodeEvent, type SseSerialize } from '../protocol/encoder.js';
import type { SseError } from '../protocol/sse-error.js';
import { toEventInit, type SseEventLike } from '../protocol/sse-event-like.js';
import { formatKick, hasTags, parseKick, type KickMessage, type SseTags } from './kick-message.js';
import { OpeningKicks } from './opening-kicks.js';
import { toStored } from '../channel/stored-event.js';

/** What a client is told that is disconnected. */
export interface SseDisconnectOptions {
  /** Words for logs. @default 'the application closed the connection' */
  reason?: string;
  /**
   * A last event for the client, after everything that was published before. It must not have an id: ids are positions in channels.
   *
   * @default none
   */
  event?: SseEventLike;
}

/** Malformed signals that are remembered, so that each is reported once. */
const MAX_REPORTED = 100;

/**
 * Ends connections of this node, and by tags those of all nodes.
 *
 * A kick counts for whoever had arrived before it, also for a request that is still opening: its handler may set the tags
 * later, so it is compared when its headers are sent.
 *
 * @internal
 */
export class Kicks {
  private readonly remembered: OpeningKicks;
  private readonly reported = new Set<string>();

  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly backplane: SseBackplane,
    private readonly serialize: SseSerialize,
    private readonly report: (error: unknown) => void,
    /** Asked first: whether a message is for somebody else. */
    private readonly isOther: (message: string, ageMs?: number) => boolean = () => false,
  ) {
    this.remembered = new OpeningKicks(registry, report);
    if (isSignalling(backplane)) backplane.onSignal((message, ageMs) => this.signalled(message, ageMs));
  }

  /**
   * @returns how many connections of this node were ended
   * @throws {SseError} `SSE_INVALID_OPTION` for what is neither a predicate nor tags, and what the event is refused for
   */
  disconnect(
    which: ((connection: SseConnection) => boolean) | SseTags,
    options: string | SseDisconnectOptions = {},
  ): number {
    const { reason, event } = typeof options === 'string' ? { reason: options } : options;
    const stored = event === undefined ? undefined : toStored(toEventInit(event), this.serialize);
    if (typeof which === 'function') return this.kick(which, { reason, event: stored });
    const message = formatKick({ kick: which, reason, event: stored });
    if (isSignalling(this.backplane)) this.backplane.signal(message).catch(this.report);
    return this.kick(hasTags(which), { reason, event: stored });
  }

  private signalled(text: string, ageMs = 0): void {
    if (this.isOther(text, ageMs)) return;
    let message: KickMessage;
    try {
      message = parseKick(text);
    } catch (error) {
      return this.reportOnce(text, error as SseError);
    }
    this.kick(hasTags(message.kick), message, Date.now() - ageMs);
  }

  /** Who may write to the backplane can say anything, and say it again and again. */
  private reportOnce(text: string, error: SseError): void {
    if (this.reported.size >= MAX_REPORTED || this.reported.has(text)) return;
    this.reported.add(text);
    this.report(error);
  }

  /** @param before whoever has arrived after that time is not meant, in milliseconds since the epoch */
  private kick(
    isMeant: (connection: SseConnection) => boolean,
    { reason, event }: Omit<KickMessage, 'kick'>,
    before = Infinity,
  ): number {
    const why = closeReason('kicked', reason);
    const end = (connection: Connection) =>
      connection.end(why, event === undefined ? undefined : lastText(event, connection));
    const applies = (connection: Connection) => connection.arrivedAt <= before && isMeant(connection);
    this.remembered.add(applies, end);
    let count = 0;
    for (const connection of [...this.registry.all]) {
      if (connection.state !== 'open' || connection.isEnding || !applies(connection)) continue;
      end(connection);
      count++;
    }
    return count;
  }
}

function lastText({ type, data, retry, comment }: SseBackplaneEvent, { options }: Connection): string {
  return encodeEvent({ type, data, retry, comment }, options);
}
