import { describeWith } from '../support/external.js';
import { leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/pings', () => {
  const sample = useSample('pings');

  it('pings by a comment, by an event, or not at all', async () => {
    const none = sample.curl(2);
    const event = sample.curl(1);
    expect(await leaveAfter(sample.curl(0), '\n\n:')).toMatch(/^: \n\n:/);
    expect(await leaveAfter(event, /(event: ping\ndata: {"at":".+Z"}\n\n){2}/)).toMatch(/^event: ping\n/);
    // It was opened first, and has waited as long.
    await none.stop();
    expect(none.stdout).toBe('');
  });
});
