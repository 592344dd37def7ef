import { resolveChannelOptions, settingsOf, type SseChannelOptions } from './channel-options.js';

describe('the options of channels', () => {
  it('fill in their defaults', () => {
    expect(resolveChannelOptions({})).toEqual({
      history: { maxEvents: 1_000, maxBytes: 16_777_216, maxAgeMs: 300_000 },
      slowClient: 'skip',
      gapType: 'gap',
      maxChannels: 100_000,
      rules: [],
    });
  });

  it('take the first rule that matches, and from the module what it leaves out', () => {
    const options = resolveChannelOptions({
      history: { maxEvents: 7 },
      channels: [
        { match: 'ticker.*', slowClient: 'disconnect' },
        { match: '*', history: { maxEvents: 1 } },
      ],
    });
    expect(settingsOf(options, 'ticker.dax')).toMatchObject({ history: { maxEvents: 7 }, slowClient: 'disconnect' });
    expect(settingsOf(options, 'tickerXdax')).toMatchObject({ history: { maxEvents: 1 }, slowClient: 'skip' });
    expect(settingsOf(options, 'line\u2028end').history.maxEvents).toBe(1);
  });

  it.each(['a.c', 'a+b', '[x]', '(', '$', '^a', 'a|b', '\\'])('take %j in a pattern for what it is', (match) => {
    const options = resolveChannelOptions({ channels: [{ match, slowClient: 'disconnect' }] });
    expect(settingsOf(options, match).slowClient).toBe('disconnect');
    expect(settingsOf(options, 'abc').slowClient).toBe('skip');
  });

  it.each<[string, SseChannelOptions]>([
    ['history.maxEvents', { history: { maxEvents: -1 } }],
    ['history.maxBytes', { history: { maxBytes: 1.5 } }],
    ['history.maxAgeMs', { history: { maxAgeMs: NaN } }],
    ['maxChannels', { maxChannels: 0 }],
    ['slowClient', { slowClient: 'wait' as never }],
    ['slowClient.latest', { slowClient: { latest: 'id' as never } }],
    ['channels[1].match', { channels: [{ match: 'a' }, { match: '' }] }],
    ['channels[0].history.maxEvents', { channels: [{ match: 'a', history: { maxEvents: '1' as never } }] }],
  ])('name %s when it is wrong', (name, options) => {
    expect(() => resolveChannelOptions(options)).toThrow(
      expect.objectContaining({ code: 'SSE_INVALID_OPTION', message: expect.stringContaining(name) as string }),
    );
  });

  it('refuse a type of gaps that the wire cannot carry', () => {
    expect(() => resolveChannelOptions({ gapType: 'a\nb' })).toThrow(
      expect.objectContaining({ code: 'SSE_INVALID_TYPE' }),
    );
  });
});
