export const { test, afterEach } = globalThis;

export function fakeTime() {
  jest.useFakeTimers();
  return {
    advance: async (ms: number) => void (await jest.advanceTimersByTimeAsync(ms)),
    restore: () => void jest.useRealTimers(),
  };
}
