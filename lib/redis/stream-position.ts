/**
 * An entry id of a Redis Stream as this library mints them: `<ms>-<seq>`, both without leading zeros, both safe integers.
 *
 * Redis takes more for an id: `$`, `-`, `+`, `(1-1`, `1`, `1-*`, and each of them means something else than "this entry".
 * What comes from a client passes this grammar before it is part of any command. 15 digits are the year 33,658, and stay
 * exact in a double as well as below 2^64.
 */
const POSITION = /^([1-9][0-9]{0,14})-(0|[1-9][0-9]{0,14})$/;

/** @internal */
export function isPosition(text: string): boolean {
  return POSITION.test(text);
}

/**
 * Negative when `a` comes before `b`. Both are positions.
 *
 * @internal
 */
export function comparePositions(a: string, b: string): number {
  const [aMs, aSeq] = a.split('-').map(Number) as [number, number];
  const [bMs, bSeq] = b.split('-').map(Number) as [number, number];
  return aMs - bMs || aSeq - bSeq;
}

/** When the entry was stored, by the clock of Redis, in milliseconds since 1970. @internal */
export function timeOf(position: string): number {
  return Number.parseInt(position, 10);
}
