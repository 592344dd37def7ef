import { describeWith } from '../support/external.js';
import { useSample } from './sample.js';

describeWith('curl', 'sample/notifications', () => {
  const sample = useSample('notifications');

  it('tells each user his own', async () => {
    const ann = sample.curl(0);
    // What Bob is told comes first: had Ann heard it, it would stand before her own.
    while ((await sample.ask(2)) !== '{"listening":1}');
    expect(await sample.ask(1)).toBe('{"listening":1}');
    await ann.until(({ stdout }) => stdout.endsWith('\n\n'));
    expect(ann.stdout).toBe('event: notification\ndata: {"text":"hello"}\n\n');
    await ann.stop('SIGINT');
    await sample.says('ann: the client left');
  });
});
