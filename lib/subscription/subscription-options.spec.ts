import { resolvePlan } from './subscription-options.js';

describe('the options of a subscription', () => {
  it.each([
    ['filter', { filter: true }, /The option filter is true/],
    ['onSubscribe', { onSubscribe: 'log' }, /The option onSubscribe is "log"/],
    ['onUnsubscribe', { onUnsubscribe: null }, /The option onUnsubscribe is null/],
    ['from', { from: { position: 'a', time: 1 } }, /The option from is /],
    ['snapshot', { snapshot: {} }, /The option snapshot.load is undefined/],
  ])('are refused when %s is none', (_, options, message) => {
    expect(() => resolvePlan(['a'], options as never)).toThrow(
      expect.objectContaining({ code: 'SSE_INVALID_OPTION', message: expect.stringMatching(message) as string }),
    );
  });

  it('have defaults, also for those that are undefined', () => {
    const plan = resolvePlan(['a'], { from: undefined, filter: undefined, snapshot: undefined });
    expect(plan).toMatchObject({ names: ['a'], snapshot: undefined, gapEvent: undefined, filter: undefined });
    expect(plan.fromOf('a')).toBe('live');
  });
});
