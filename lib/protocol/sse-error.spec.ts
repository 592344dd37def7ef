import { show, SSE_ERROR_CODES, SseError } from './sse-error.js';

describe('SseError', () => {
  it('is an Error with a name and a code', () => {
    const error = new SseError('SSE_CLOSED', 'The queue is closed.');
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('SseError');
    expect(error.code).toBe('SSE_CLOSED');
    expect(String(error)).toBe('SseError: The queue is closed.');
  });

  it('carries the refused value and the cause as they were', () => {
    const value = { n: 1n };
    const cause = new TypeError('no');
    const error = new SseError('SSE_UNSERIALIZABLE_DATA', 'No.', { value, cause });
    expect(error.value).toBe(value);
    expect(error.cause).toBe(cause);
  });

  it('has no cause at all when it was given none', () => {
    expect('cause' in new SseError('SSE_CLOSED', 'Closed.', { value: 1 })).toBe(false);
  });

  it('keeps a cause that is undefined, because someone threw that', () => {
    expect('cause' in new SseError('SSE_CLOSED', 'Closed.', { cause: undefined })).toBe(true);
  });

  it('lists each code once', () => {
    expect(new Set(SSE_ERROR_CODES).size).toBe(SSE_ERROR_CODES.length);
  });
});

describe('a value in a message', () => {
  class Order {
    id = 1;
    secret = 'hunter2';
  }
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const circle: { self?: unknown } = {};
  circle.self = circle;

  it.each<[string, unknown, string]>([
    ['a string in quotes', 'a\nb', '"a\\nb"'],
    ['a long string cut, with its length', 'x'.repeat(500), `"${'x'.repeat(80)}"… (500 characters)`],
    ['what a terminal would act on as escapes', '\u009b31m\u2028\u007f', '"\\u009b31m\\u2028\\u007f"'],
    ['a lone surrogate as an escape', '\ud800', '"\\ud800"'],
    ['a string cut in the middle of a pair', `${'x'.repeat(79)}😀`, `"${'x'.repeat(79)}\\ud83d"… (81 characters)`],
    ['a number', 1.5, '1.5'],
    ['minus zero', -0, '-0'],
    ['NaN', NaN, 'NaN'],
    ['a bigint', 12n, '12n'],
    ['a bigint that would take seconds to print', 1n << 4_000_000n, 'a bigint of more than 80 digits'],
    ['a symbol', Symbol('x\n'), 'Symbol("x\\n")'],
    ['a symbol without a name', Symbol(), 'Symbol("")'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a boolean', false, 'false'],
    ['a function', () => 'secret', 'a function'],
    ['an array', [1, 2], 'an array of 2'],
    ['bytes', Buffer.from('secret'), 'Buffer of 6 bytes'],
    ['the keys of an object, and not its values', { password: 'hunter2', n: 1 }, '{ password, n }'],
    ['the class of an object', new Order(), 'Order { id, secret }'],
    ['an object without a prototype', Object.create(null), '{  }'],
    ['a circle', circle, '{ self }'],
    [
      'no more than a few keys',
      Object.fromEntries('abcdefghijk'.split('').map((k) => [k, 1])),
      '{ a, b, c, d, e, f, g, h, … }',
    ],
    ['a revoked proxy', revoked.proxy, 'an object that cannot be shown'],
    [
      'an object whose constructor throws',
      {
        get constructor() {
          throw new Error('no');
        },
      },
      'an object that cannot be shown',
    ],
  ])('shows %s', (_what, value, shown) => {
    expect(show(value)).toBe(shown);
  });

  it('is short, however long the keys are', () => {
    expect(show({ ['k'.repeat(10_000)]: 1 }).length).toBeLessThan(100);
  });

  it('calls nothing of the value', () => {
    const fail = (): never => {
      throw new Error('called');
    };
    const touchy = {
      toString: () => fail(),
      toJSON: () => fail(),
      [Symbol.toPrimitive]: () => fail(),
      get getter() {
        return fail();
      },
    };
    expect(show(touchy)).toBe('{ toString, toJSON, getter }');
  });
});
