import { describeWith } from '../support/external.js';
import { leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/circuit-breaker', () => {
  const sample = useSample('circuit-breaker');

  it('says that its upstream is away, leaves it alone, and goes on when it is back', async () => {
    const client = sample.curl(0);
    await client.until(({ stdout }) => stdout.includes('event: price'));
    await sample.ask(1);
    // Open twice, and no call between.
    await client.until(({ stdout }) => /"circuit":"Open","calls":(\d+)[^]+"circuit":"Open","calls":\1\b/.test(stdout));
    await sample.ask(2);
    await leaveAfter(client, /unavailable[^]+event: price\ndata: {"price":\d+/);
  });
});
