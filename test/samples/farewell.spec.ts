import { describeWith } from '../support/external.js';
import { Sample } from './sample.js';

describeWith('curl', 'sample/farewell', () => {
  it('says goodbye to each stream before it ends', async () => {
    const sample = new Sample('farewell', () => ({}));
    await sample.start();
    const [ticks, work, back] = [sample.curl(0), sample.curl(1), sample.curl(2)];
    await Promise.all([
      ticks.until(({ stdout }) => stdout.includes('data: 1')),
      work.until(({ stdout }) => stdout.includes('"page":2')),
      back.until(({ stdout }) => stdout.includes('id: 6')),
    ]);
    await sample.stop();
    expect([await ticks.exited, await work.exited]).toEqual([0, 0]);
    const farewell = 'retry: \\d+\\n\\nevent: restart\\ndata: back in a moment\\n\\n$';
    expect(ticks.stdout).toMatch(new RegExp(`data: \\d+\\n\\n${farewell}`));
    expect(work.stdout).toMatch(
      new RegExp(`id: (\\d+)\\n.+\\n\\nevent: paused\\ndata: after page \\1\\n\\n${farewell}`),
    );
    await back.exited;
  });
});
