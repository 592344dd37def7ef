import { LookTimer } from './look-timer.js';

describe('a look timer', () => {
  afterEach(() => void jest.useRealTimers());

  it.each([
    ['and the clock', []],
    // As `mock.timers` of node:test does.
    ['and not the clock', ['performance'] as const],
  ])('tells how much time has passed when fake timers drive it %s', (_, doNotFake) => {
    jest.useFakeTimers({ doNotFake: [...doNotFake] });
    let elapsed = 0;
    const timer = new LookTimer((elapsedMs) => (elapsed += elapsedMs));
    timer.atLeastEvery(1_000);
    jest.advanceTimersByTime(15_000);
    expect(elapsed).toBeGreaterThanOrEqual(15_000);
    expect(elapsed).toBeLessThan(15_500);
    timer.stop();
    jest.advanceTimersByTime(15_000);
    expect(elapsed).toBeLessThan(15_500);
  });
});
