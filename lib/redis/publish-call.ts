import type { ChannelKeys } from './channel-keys.js';

/** An event on its way to the store, with what its channel keeps. */
export interface PublishRequest {
  readonly stream: string;
  /** As it is stored. */
  readonly event: string;
  /** 18 random hexadecimal digits. */
  readonly random: string;
  /** The newest position that this node has seen, or empty. */
  readonly known: string;
  /** What is to be kept: events, bytes, their age, and the life of the stream, 0 for ever. */
  readonly keep: readonly [events: number, bytes: number, ageMs: number, ttlMs: number];
  /** Its publish key, and how long that is remembered. */
  readonly key?: { readonly name: string; readonly ttlMs: number } | undefined;
  /** The producer that says it, and its number. */
  readonly producer?: { readonly token: string; readonly number: number } | undefined;
}

/**
 * The keys and arguments of one call of the script, for events in this order. What follows each other and has all but the
 * events in common is a run.
 *
 * @internal
 */
export function publishCall(
  requests: readonly PublishRequest[],
  names: ChannelKeys,
): { readonly keys: string[]; readonly args: string[] } {
  const keys: string[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (key: string): number => {
    let index = indexes.get(key);
    if (index === undefined) indexes.set(key, (index = keys.push(key)));
    return index;
  };
  const args: string[] = [];
  let before: PublishRequest | undefined;
  let countAt = 0;
  let count = 0;
  for (const request of requests) {
    const { stream, event, random, known, keep, key, producer } = request;
    if (!before || !isSameRun(before, request)) {
      if (before) args[countAt] = `${count}`;
      const record = producer ? indexOf(names.producer(stream)) : 0;
      args.push(`${indexOf(stream)}`, `${record}`, producer?.token ?? '', known, ...keep.map(String));
      countAt = args.push('') - 1;
      count = 0;
    }
    let mark = '';
    if (key) mark = `k${indexOf(names.publishKey(stream, key.name))} ${key.ttlMs}`;
    if (producer) mark = `n${producer.number}`;
    args.push(event, random, mark);
    count++;
    before = request;
  }
  args[countAt] = `${count}`;
  return { keys, args };
}

function isSameRun(a: PublishRequest, b: PublishRequest): boolean {
  return (
    a.stream === b.stream &&
    a.producer?.token === b.producer?.token &&
    a.keep.every((value, index) => value === b.keep[index])
  );
}
