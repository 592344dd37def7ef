import { closeReason, isGraceful, type SseCloseCode } from './close-reason.js';

describe('closeReason', () => {
  it('has words for each code, or better ones', () => {
    expect(closeReason('client_left')).toEqual({ code: 'client_left', reason: 'the client left' });
    expect(closeReason('kicked', 'signed out')).toEqual({ code: 'kicked', reason: 'signed out' });
  });

  it('has an error only where there is one', () => {
    const error = new Error();
    expect(closeReason('source_failed', undefined, error)).toEqual({
      code: 'source_failed',
      reason: 'the source failed',
      error,
    });
    expect(closeReason('source_failed')).not.toHaveProperty('error');
  });

  it('cannot be changed by one of the many who see it', () => {
    expect(Object.isFrozen(closeReason('kicked'))).toBe(true);
  });
});

describe('isGraceful', () => {
  it.each<[SseCloseCode, boolean]>([
    ['source_completed', true],
    ['source_failed', true],
    ['server_closing', true],
    ['lifetime_over', true],
    ['kicked', true],
    ['over_limit', true],
    ['client_left', false],
    ['write_timeout', false],
    ['slow_client', false],
    ['unauthorized', false],
  ])('for %s is %s', (code, graceful) => {
    expect(isGraceful(code)).toBe(graceful);
  });
});
