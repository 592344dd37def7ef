import type { SseBackplane } from '../backplane/backplane.js';
import { SseError } from '../protocol/sse-error.js';
import { BackplaneState } from './backplane-state.js';

const away = new SseError('SSE_BACKPLANE_UNAVAILABLE', 'away');

describe('the state of a backplane', () => {
  let told: unknown[];
  const observer = { backplaneChanged: (isUp: boolean, error?: unknown) => void told.push(isUp ? 'up' : error) };
  let state: BackplaneState;
  const of = (backplane: object) => (state = new BackplaneState(backplane as SseBackplane, observer));

  beforeEach(() => {
    told = [];
  });
  afterEach(() => {
    state.close();
    jest.useRealTimers();
  });

  it('is down with the first failure, and up with the next answer, each told once', () => {
    of({});
    state.answered();
    for (let i = 0; i < 3; i++) state.failed(away);
    expect(state.isUp).toBe(false);
    for (let i = 0; i < 3; i++) state.answered();
    expect(told).toEqual([away, 'up']);
    expect(state.isUp).toBe(true);
  });

  it('does not change for an error of another kind', () => {
    of({});
    state.failed(new SseError('SSE_CLOSED', 'closed'));
    state.failed(new Error('a bug'));
    expect(told).toEqual([]);
  });

  it('is down as long as the backplane says so, also when one of its servers answers', async () => {
    let isUp = false;
    of({ health: () => Promise.resolve({ isUp }) });
    state.failed(away);
    state.answered();
    await new Promise(setImmediate);
    expect(told).toEqual([away]);
    isUp = true;
    state.answered();
    await new Promise(setImmediate);
    expect(told).toEqual([away, 'up']);
  });

  it('asks for the health while nothing is read or published, and no more when it is back', async () => {
    jest.useFakeTimers();
    const health = jest.fn().mockRejectedValueOnce(new Error('broken')).mockResolvedValue({ isUp: true });
    of({ health });
    state.failed(away);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([away]);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([away, 'up']);
    expect(jest.getTimerCount()).toBe(0);
    expect(health).toHaveBeenCalledTimes(2);
  });

  it('has no timer once it is closed, and tells nothing', async () => {
    jest.useFakeTimers();
    of({ health: () => Promise.resolve({ isUp: true }) });
    state.failed(away);
    state.answered();
    state.close();
    await jest.advanceTimersByTimeAsync(0);
    state.failed(away);
    expect(jest.getTimerCount()).toBe(0);
    expect(told).toEqual([away]);
  });
});
