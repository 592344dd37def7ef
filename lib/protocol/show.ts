/**
 * How error messages show a value. Messages end up in logs, so nothing private may be in them. Of an object they show the
 * class and the names of some keys, of a URL no password, and of an event's data only its kind.
 */

/** Longest rendering of a value in a message, in UTF-16 code units: one terminal line with room for the sentence. */
const MAX_SHOWN_LENGTH = 80;

/**
 * An option, a name or an id as an error message shows it: short, and on one line. It never throws.
 *
 * Strings are quoted and cut, and what a URL has before its host or behind its path is left out. Objects show their
 * class and keys, not their values.
 *
 * @internal
 */
export function show(value: unknown): string {
  try {
    switch (typeof value) {
      case 'string':
        return showText(value);
      case 'bigint':
        // The size is asked for first: printing a bigint of a million digits takes seconds.
        return value > -(10n ** 80n) && value < 10n ** 80n ? `${value}n` : 'a bigint of more than 80 digits';
      case 'symbol':
        return `Symbol(${showText(value.description ?? '')})`;
      case 'function':
        return 'a function';
      case 'object':
        return value === null ? 'null' : showObject(value);
      default:
        return Object.is(value, -0) ? '-0' : String(value);
    }
  } catch {
    // A revoked proxy, or a `constructor` getter that throws.
    return 'an object that cannot be shown';
  }
}

/**
 * A value of which a message may show nothing but its kind: an event's data, a source, an option that nobody knows.
 *
 * @internal
 */
export function kindOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value === '' ? 'an empty string' : `a string of ${value.length} character${value.length === 1 ? '' : 's'}`;
    case 'number':
      // NaN and the two infinities show only what is wrong.
      return Number.isFinite(value) ? 'a number' : String(value);
    case 'bigint':
    case 'boolean':
    case 'symbol':
      return `a ${typeof value}`;
    default:
      return show(value);
  }
}

function showText(text: string): string {
  const safe = quote(withoutSecrets(text));
  return text.length > MAX_SHOWN_LENGTH ? `${safe}… (${text.length} characters)` : safe;
}

function quote(text: string): string {
  // JSON leaves these as they are, and a terminal or a log viewer acts on them.
  return JSON.stringify(text.slice(0, MAX_SHOWN_LENGTH)).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * A URL without what may be secret: all between the scheme and the last `@`, because a password may hold any character,
 * and the query, `?token=…`. Also one whose scheme was forgotten, `user:password@host`.
 */
function withoutSecrets(text: string): string {
  const scheme = text.indexOf('://') + 3;
  const at = text.lastIndexOf('@');
  const isUrl = scheme > 2;
  if (!isUrl && !text.slice(0, at + 1).includes(':')) return text;
  const start = isUrl ? text.slice(0, scheme) : '';
  const rest = text.slice(Math.max(at + 1, start.length));
  // `redis://:password`, whose host was forgotten: there is nothing to tell apart.
  if (at < start.length && rest.startsWith(':')) return `${start}***`;
  const query = rest.search(/[?#]/);
  return `${start}${at < start.length ? '' : '***@'}${query < 0 ? rest : `${rest.slice(0, query + 1)}***`}`;
}

function showObject(value: object): string {
  if (Array.isArray(value)) {
    return `an array of ${value.length}`;
  }
  const maker: unknown = (value as { constructor?: unknown }).constructor;
  const className = typeof maker === 'function' && typeof maker.name === 'string' ? maker.name : '';
  if (ArrayBuffer.isView(value)) {
    return `${className || 'binary data'} of ${value.byteLength} bytes`;
  }
  // A few keys are enough to recognise an object by; walking all of a large one is not.
  const keys: string[] = [];
  for (const key in value) {
    if (keys.push(key) > MAX_SHOWN_KEYS) {
      break;
    }
  }
  const text = `${className === 'Object' || className === '' ? '' : `${className} `}{ ${showKeys(keys)} }`;
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

const MAX_SHOWN_KEYS = 8;

/**
 * Some keys of an object, of those that are names as the keys of a class or an interface are. Others may be what is
 * private: mail addresses, tokens.
 *
 * @internal
 */
export function showKeys(keys: readonly string[]): string {
  const names = keys.slice(0, MAX_SHOWN_KEYS).map((key) => (/^[A-Za-z_$][\w$]{0,31}$/.test(key) ? key : '***'));
  return names.join(', ') + (keys.length > MAX_SHOWN_KEYS ? ', …' : '');
}
