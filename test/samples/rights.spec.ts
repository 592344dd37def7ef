import { describeWith } from '../support/external.js';
import { useSample } from './sample.js';

describeWith('curl', 'sample/rights', () => {
  const sample = useSample('rights');
  const unauthorized = /event: unauthorized\ndata: .+\n\n$/;

  it('ends a stream when its time is over', async () => {
    const stream = await sample.ask(0);
    expect(stream).toMatch(/data: \d+:/);
    expect(stream).toMatch(unauthorized);
  });

  it('answers 403 for a channel that is not for the user', async () => {
    expect(await sample.ask(1)).toMatch(/^HTTP\/1.1 403/);
  });

  it('ends the streams of a user who is banned', async () => {
    const bob = sample.curl(2);
    await bob.until(({ stdout }) => stdout.includes('data: '));
    await sample.ask(3);
    await bob.exited;
    expect(bob.stdout).toMatch(unauthorized);
  });

  it('kicks a user at once, and keeps the user out for a while', async () => {
    const eve = sample.curl(4);
    await eve.until(({ stdout }) => stdout.includes('data: '));
    expect(await sample.ask(5)).toBe('{"streams":1}');
    await eve.exited;
    expect(eve.stdout).toMatch(/event: kicked\ndata: come back in ten seconds\n\n$/);
    expect(await sample.ask(6)).toMatch(/^HTTP\/1.1 403/);
  });
});
