import { checkChannelName } from './channel-name.js';

describe('a channel name', () => {
  it.each(['a', 'user.7', 'räume / überall 🙂', ' ', '*', '__proto__', 'x'.repeat(256), 'ü'.repeat(128)])(
    'may be %j',
    (name) => expect(checkChannelName(name)).toBe(name),
  );

  it.each([
    '',
    'x'.repeat(257),
    'ü'.repeat(129),
    'a\nb',
    'a\u0000',
    '\u007f',
    '\u0085',
    '\ud800',
    7,
    null,
    undefined,
    {},
  ])('is refused as %j', (name) =>
    expect(() => checkChannelName(name)).toThrow(expect.objectContaining({ code: 'SSE_INVALID_CHANNEL' })),
  );
});
