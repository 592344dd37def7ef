import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { integerOption, invalidOption, MAX_TIMER_MS, objectOption } from '../protocol/check-option.js';
import { encodeEvent } from '../protocol/encoder.js';
import { checkTags, type SseTags } from './tags.js';

/** What one node tells the others: who is to be disconnected, why, and the last event for them. */
export interface KickMessage {
  readonly tags: SseTags;
  readonly reason?: string | undefined;
  readonly event?: SseBackplaneEvent | undefined;
  readonly blockForMs?: number | undefined;
}

/**
 * Reads what another node said. It may be anything.
 *
 * @throws {SseError} for everything that {@link KickMessage} does not allow
 * @internal
 */
export function parseKick(body: unknown): KickMessage {
  const { tags, reason, event, blockForMs } = objectOption('kick', body as Partial<Record<keyof KickMessage, unknown>>);
  checkTags('kick.tags', tags);
  if (reason !== undefined && typeof reason !== 'string') throw invalidOption('kick.reason', reason, 'a string');
  return {
    tags,
    reason,
    event: event === undefined ? undefined : parseEvent(event),
    blockForMs: checkBlock('kick.blockForMs', blockForMs),
  };
}

/** @throws {SseError} `SSE_INVALID_OPTION` */
export function checkBlock(name: string, blockForMs: unknown): number | undefined {
  return blockForMs === undefined ? undefined : integerOption(name, blockForMs, 1, MAX_TIMER_MS);
}

function parseEvent(event: unknown): SseBackplaneEvent {
  const { type, data, retry, comment } = objectOption('kick.event', event as Partial<SseBackplaneEvent>);
  if (data !== undefined && typeof data !== 'string') throw invalidOption('kick.event.data', data, 'a string');
  // It checks everything else.
  encodeEvent({ type, data, retry, comment });
  return { kind: 'event', type, data, retry, comment };
}
