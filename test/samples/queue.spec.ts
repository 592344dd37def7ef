import { describeWith } from '../support/external.js';
import { until } from '../support/until.js';
import { leaveAfter, useSample, type Change } from './sample.js';

describeWith('curl', 'sample/queue', () => {
  const sample = useSample('queue');
  const fast: Change = [' --limit-rate 50k', ''];

  it.each([
    [0, 'generator'],
    [1, 'producer'],
  ])('numbers its lines without a hole, and ends its source when the client leaves (%i)', async (at, name) => {
    const text = await leaveAfter(sample.curl(at, fast), 'line 9 ');
    expect(Array.from(text.matchAll(/line (\d+)/g), ([, n]) => Number(n)).slice(0, 9)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    await sample.says(`the ${name} has made`);
  });

  it.each([
    [0, 'generator'],
    [1, 'producer'],
  ])('waits for a client that does not read (%i)', async (at, name) => {
    const before = sample.output.length;
    // A client that reads nothing: what the server makes fits into the buffers of the kernel, and it waits for the rest.
    const stalled = sample.curl(at, ['--limit-rate 50k', '--limit-rate 1']);
    // It reads as fast as it can meanwhile, and makes more than any buffer holds.
    await leaveAfter(sample.curl(at, fast), 'line 300 ');
    await stalled.stop('SIGKILL');
    const made = () =>
      Array.from(sample.output.slice(before).matchAll(new RegExp(`${name} has made (\\d+) lines`, 'g')), ([, n]) =>
        Number(n),
      );
    await until(() => made().length === 2);
    expect(Math.min(...made())).toBeLessThan(Math.max(...made()) / 2);
  });
});
