import { describeWith } from '../support/external.js';
import { leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/llm', () => {
  const sample = useSample('llm');
  const text = 'You said hello and I have nothing to add to that';

  it('streams tokens and [DONE], or answers JSON', async () => {
    const frames = text.split(' ').map((word) => `data: ${JSON.stringify({ text: `${word} ` })}\n\n`);
    const [streamed, plain] = await Promise.all([sample.ask(0), sample.ask(1)]);
    expect(streamed).toBe(`${frames.join('')}data: [DONE]\n\n`);
    expect(plain).toBe(JSON.stringify({ text }));
  });

  it('stops its model when the client leaves', async () => {
    expect(await leaveAfter(sample.curl(0), 'said')).not.toContain('[DONE]');
    await sample.says('over: client_left');
  });
});
