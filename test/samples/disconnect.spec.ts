import { describeWith } from '../support/external.js';
import { leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/disconnect', () => {
  const sample = useSample('disconnect');

  it('releases each source when its client leaves', async () => {
    for (const [at, line] of [
      'the generator has cleaned up',
      'the observable has cleaned up',
      /client_left after [2-9] events/,
    ].entries()) {
      const client = sample.curl(at);
      await client.until(({ stdout }) => stdout.includes('data: 1'));
      expect(await sample.ask(3)).toBe('1');
      await leaveAfter(client, 'data: 1');
      await sample.says(line);
    }
    expect(await sample.ask(3)).toBe('0');
  });
});
