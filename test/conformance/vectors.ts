import { readFileSync } from 'node:fs';
import type { SseErrorCode } from '../../lib/protocol/sse-error.js';
import type { SseEventInit } from '../../lib/protocol/sse-event.js';
import type { Decoded } from '../support/sse-decoder.js';

interface Named {
  readonly name: string;
  readonly rule: string;
}

export interface EncodeVector extends Named {
  readonly event: SseEventInit;
  /** With `\n` as line ending. */
  readonly bytes?: Buffer;
  readonly error?: SseErrorCode;
  readonly decoded: Decoded['events'];
  readonly finalLastEventId: string;
  readonly finalRetry: number | undefined;
}

export interface DecodeVector extends Named {
  readonly bytes: Buffer;
  readonly decoded: Decoded['events'];
  readonly finalLastEventId: string;
  readonly finalRetry: number | undefined;
}

export interface HeaderVector extends Named {
  readonly header: Buffer;
  readonly cursor?: string | undefined;
  readonly error?: SseErrorCode;
}

interface RawVector extends Named {
  readonly event?: unknown;
  readonly bytesHex?: string;
  readonly bytes?: string;
  readonly headerHex?: string;
  readonly error?: SseErrorCode;
  readonly decoded?: unknown;
  readonly finalLastEventId?: string;
  readonly finalRetry?: number | null;
}

export const encodeVectors: readonly EncodeVector[] = read('encode').map((raw) => ({
  name: raw.name,
  rule: raw.rule,
  event: unmark(raw.event) as SseEventInit,
  bytes: raw.error === undefined ? bytesOf(raw) : undefined,
  error: raw.error,
  decoded: (raw.decoded ?? []) as Decoded['events'],
  finalLastEventId: raw.finalLastEventId ?? '',
  finalRetry: raw.finalRetry ?? undefined,
}));

export const decodeVectors: readonly DecodeVector[] = read('decode').map((raw) => ({
  name: raw.name,
  rule: raw.rule,
  bytes: bytesOf(raw),
  decoded: raw.decoded as Decoded['events'],
  finalLastEventId: raw.finalLastEventId ?? '',
  finalRetry: raw.finalRetry ?? undefined,
}));

export const headerVectors: readonly HeaderVector[] = read('header').map((raw) => ({
  name: raw.name,
  rule: raw.rule,
  header: Buffer.from(raw.headerHex ?? '', 'hex'),
  cursor: (raw.decoded as { cursor: string | null } | undefined)?.cursor ?? undefined,
  error: raw.error,
}));

function read(name: string): readonly RawVector[] {
  const text = readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { vectors: RawVector[] }).vectors;
}

function bytesOf({ name, bytesHex, bytes }: RawVector): Buffer {
  if (bytesHex !== undefined) {
    return Buffer.from(bytesHex, 'hex');
  }
  if (bytes === undefined) {
    throw new Error(`The vector ${name} has no bytes.`);
  }
  return Buffer.from(bytes);
}

/** Puts in what JSON cannot hold: `{ "$": "bigint:1" }` and its like, as the file's `conventions` say. */
function unmark(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(unmark);
  }
  const mark = (value as { $?: unknown }).$;
  if (typeof mark === 'string') {
    return marked(mark);
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, unmark(field)]));
}

function marked(mark: string): unknown {
  const [kind, rest = ''] = [mark.slice(0, `${mark}:`.indexOf(':')), mark.slice(`${mark}:`.indexOf(':') + 1)];
  switch (kind) {
    case 'NaN':
      return NaN;
    case 'Infinity':
      return Infinity;
    case 'function':
      return () => undefined;
    case 'circular': {
      const circle: { self?: unknown } = {};
      circle.self = circle;
      return circle;
    }
    case 'bigint':
      return BigInt(rest);
    case 'wrap':
      return { n: marked(rest) };
    case 'number':
      return Number(rest);
    case 'repeat':
      return rest.slice(0, rest.lastIndexOf(':')).repeat(Number(rest.slice(rest.lastIndexOf(':') + 1)));
    case 'bytes':
      return Buffer.from(rest, 'hex');
    default:
      throw new Error(`The vectors use an unknown mark: ${mark}`);
  }
}
