import { mock } from 'node:test';

export { afterEach, test } from 'node:test';

export function fakeTime() {
  mock.timers.enable();
  return {
    advance: (ms: number) => Promise.resolve(mock.timers.tick(ms)),
    restore: () => mock.timers.reset(),
  };
}
