import { nearestName } from './nearest-name.js';

describe('the nearest name', () => {
  const NAMES = ['maxBytes', 'overflow', 'retryMs', 'writeTimeoutMs', 'gracePeriodMs', 'as'];
  it.each([
    ['maxbytes', 'maxBytes'],
    ['maxByte', 'maxBytes'],
    ['mxaBytes', 'maxBytes'],
    ['overlow', 'overflow'],
    ['retry', 'retryMs'],
    ['timeout', 'writeTimeoutMs'],
    ['gracePeriodMilliseconds', undefined],
    ['heartbeat', undefined],
    ['', undefined],
    ['x', undefined],
    ['a'.repeat(100_000), undefined],
  ])('for %j is %s', (written, meant) => {
    expect(nearestName(written, NAMES)).toBe(meant);
  });
});
