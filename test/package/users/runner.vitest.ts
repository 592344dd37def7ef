import { closeStreams } from 'nestjs-event-stream/testing';
import { afterEach, vi } from 'vitest';

export { afterEach, test } from 'vitest';

afterEach(closeStreams);

export function fakeTime() {
  vi.useFakeTimers();
  return {
    advance: async (ms: number) => void (await vi.advanceTimersByTimeAsync(ms)),
    restore: () => void vi.useRealTimers(),
  };
}
