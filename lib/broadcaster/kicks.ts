import type { SseBackplaneEvent } from '../backplane/backplane.js';
import type { NodeSignals } from '../backplane/node-signals.js';
import { closeReason } from '../connection/close-reason.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { Connection } from '../connection/connection.js';
import type { SseConnection } from '../connection/sse-connection.js';
import { invalidOption, knownOptions, type OptionNames } from '../protocol/check-option.js';
import { encodeInit, type SseSerialize } from '../protocol/encoder.js';
import { SseError } from '../protocol/sse-error.js';
import { toEventInit, type SseEventLike } from '../protocol/sse-event-like.js';
import { checkBlock, parseKick, type KickMessage } from './kick-message.js';
import { Blocks } from './blocks.js';
import { OpeningKicks } from './opening-kicks.js';
import { checkTags, hasTags, type SseTags } from './tags.js';
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
  /**
   * Who has the tags is kept out for so long, in milliseconds, on every node that runs now: a stream that would open meanwhile is
   * answered 403. Only with tags.
   *
   * @default they may come back at once
   */
  blockForMs?: number;
}

const DISCONNECT_OPTION_NAMES: OptionNames<SseDisconnectOptions> = { reason: true, event: true, blockForMs: true };

/**
 * Ends connections of this node, and by tags those of all nodes.
 *
 * A kick concerns all connections that arrived before it, also those that are still opening. Their handlers may set the tags
 * later. So they are compared when their headers are sent.
 *
 * @internal
 */
export class Kicks {
  private readonly remembered: OpeningKicks;
  private readonly blocks = new Blocks();

  constructor(
    private readonly registry: ConnectionRegistry,
    private readonly signals: NodeSignals,
    private readonly serialize: SseSerialize,
    private readonly report: (error: unknown) => void,
  ) {
    this.remembered = new OpeningKicks(registry, report);
    registry.onOpening = (connection) => this.opening(connection);
    signals.on('kick', (body, ageMs) => {
      const message = parseKick(body);
      // The block counts from when it was said.
      const blockForMs = message.blockForMs === undefined ? undefined : message.blockForMs - ageMs;
      this.kick(hasTags(message.tags), { ...message, blockForMs }, Date.now() - ageMs);
    });
  }

  /**
   * @returns how many connections of this node were ended
   * @throws {SseError} `SSE_INVALID_OPTION` for what is neither a predicate nor tags, and what the event is refused for
   */
  disconnect(
    which: ((connection: SseConnection) => boolean) | SseTags,
    options: string | SseDisconnectOptions = {},
  ): number {
    const { reason, event, blockForMs }: SseDisconnectOptions =
      typeof options === 'string' ? { reason: options } : knownOptions('', options, DISCONNECT_OPTION_NAMES);
    const stored = event === undefined ? undefined : toStored(toEventInit(event), this.serialize);
    checkBlock('blockForMs', blockForMs);
    if (typeof which === 'function') {
      if (blockForMs === undefined) return this.kick(which, { reason, event: stored });
      throw invalidOption('blockForMs', blockForMs, 'nothing beside a predicate; use tags');
    }
    checkTags('disconnect', which, 'a predicate, or tags such as { userId }');
    this.signals.send('kick', { tags: which, reason, event: stored, blockForMs }).catch(this.report);
    return this.kick(hasTags(which), { reason, event: stored, blockForMs });
  }

  private opening(connection: Connection): void {
    if (!this.blocks.has(connection)) return;
    const error = new SseError(
      'SSE_FORBIDDEN',
      'The client was disconnected with blockForMs, and has come back too early.',
    );
    connection.end(closeReason('unauthorized', 'disconnect() keeps the client out', error));
  }

  /** @param before connections that arrived after that time are not meant, in milliseconds since the epoch */
  private kick(
    isMeant: (connection: SseConnection) => boolean,
    { reason, event, blockForMs }: Omit<KickMessage, 'tags'>,
    before = Infinity,
  ): number {
    const why = closeReason('kicked', reason);
    const lastText = event && textOf(event);
    const end = (connection: Connection) => connection.end(why, lastText);
    const applies = (connection: Connection) => connection.arrivedAt <= before && isMeant(connection);
    this.remembered.add(applies, end);
    if (blockForMs !== undefined) this.blocks.add(isMeant, blockForMs);
    let count = 0;
    for (const connection of [...this.registry.all]) {
      if (connection.state !== 'open' || connection.isEnding || !applies(connection)) continue;
      end(connection);
      count++;
    }
    return count;
  }
}

function textOf({ type, data, retry, comment }: SseBackplaneEvent): string {
  return encodeInit({ type, data, retry, comment });
}
