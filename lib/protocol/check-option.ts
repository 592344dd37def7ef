import { nearestName } from './nearest-name.js';
import { kindOf, show } from './show.js';
import { SseError } from './sse-error.js';

/** The longest delay that timers take, 24.8 days in milliseconds; a longer one fires at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/**
 * A whole number within bounds, or an `SseError` that names the option, the value and the range.
 *
 * @internal
 */
export function integerOption(
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalidOption(name, value, `a whole number from ${min} to ${max}`);
}

/** The same, or `false` for "never". */
export function integerOptionOrFalse(name: string, value: unknown, min: number, max?: number): number | false {
  return value === false ? false : integerOption(name, value, min, max);
}

/** One of some values. */
export function oneOf<T extends string>(name: string, value: unknown, values: readonly T[]): T {
  if (values.includes(value as T)) return value as T;
  throw invalidOption(name, value, values.map((allowed) => JSON.stringify(allowed)).join(', '));
}

/** The names of all options of an object. The compiler sees to it that none is missing. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * An object of options, none of which is unknown.
 *
 * @param path where the object stands, for the error: `buffer`, or '' for the options of a call
 * @throws {SseError} `SSE_INVALID_OPTION` that says which name is unknown, and which one is near
 * @internal
 */
export function knownOptions<T extends object>(path: string, options: T, names: OptionNames<T>): T {
  objectOption(path === '' ? 'options' : path, options);
  for (const name of Object.keys(options)) {
    // Not `in`: every object has a `constructor`, and one that was parsed from JSON may have an own `__proto__`.
    if (!Object.hasOwn(names, name)) throw unknownOption(path, name, options[name as keyof T], Object.keys(names));
  }
  return options;
}

/** An object. */
export function objectOption<T extends object>(name: string, value: T): T {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw invalidOption(name, value, 'an object');
}

export function functionOption<T>(name: string, value: T): T {
  if (typeof value === 'function') return value;
  throw invalidOption(name, value, 'a function');
}

/** Nobody knows what the value of an unknown option is, so it is not shown. */
function unknownOption(path: string, name: string, value: unknown, names: readonly string[]): SseError {
  const place = path === '' ? '' : ` in ${path}`;
  const nearest = nearestName(name, names);
  const meant = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  const message = `There is no option ${show(name)}${place}.${meant} Allowed: ${names.join(', ')}.`;
  return new SseError('SSE_INVALID_OPTION', message, { value });
}

/** An option whose value may be a secret: its kind is shown, and no more. */
export function invalidSecret(name: string, value: unknown, allowed: string): SseError {
  return new SseError('SSE_INVALID_OPTION', `The option ${name} is ${kindOf(value)}. Allowed: ${allowed}.`, { value });
}

export function invalidOption(name: string, value: unknown, allowed: string): SseError {
  return new SseError('SSE_INVALID_OPTION', `The option ${name} is ${show(value)}. Allowed: ${allowed}.`, { value });
}
