import { kindOf, show } from './show.js';

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
    ['a URL without its password', 'redis://user:hunter2@localhost:6379/0', '"redis://***@localhost:6379/0"'],
    ['one whose password looks like more URL', 'redis://:hun@ter/2?x@localhost', '"redis://***@localhost"'],
    ['one whose host was forgotten', 'redis://:hunter2', '"redis://***"'],
    ['one whose scheme was forgotten', ':hunter2@localhost:6379', '"***@localhost:6379"'],
    ['one whose key is in the query', 'https://host/path?key=hunter2', '"https://host/path?***"'],
    ['a URL that holds no secret', 'https://host/path', '"https://host/path"'],
    ['what is no URL', 'a@b', '"a@b"'],
    ['keys that are no names', { 'ann@example.com': 1, n: 1 }, '{ ***, n }'],
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

describe('what is told of a value that may be private', () => {
  it.each<[unknown, string]>([
    ['hunter2', 'a string of 7 characters'],
    ['x', 'a string of 1 character'],
    ['', 'an empty string'],
    [1234, 'a number'],
    [NaN, 'NaN'],
    [12n, 'a bigint'],
    [true, 'a boolean'],
    [Symbol('hunter2'), 'a symbol'],
    [undefined, 'undefined'],
    [null, 'null'],
    [{ password: 'hunter2' }, '{ password }'],
    [['hunter2'], 'an array of 1'],
  ])('is its kind: %p', (value, kind) => {
    expect(kindOf(value)).toBe(kind);
  });
});
