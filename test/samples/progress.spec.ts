import { describeWith } from '../support/external.js';
import { useSample } from './sample.js';

describeWith('curl', 'sample/progress', () => {
  const sample = useSample('progress');

  it('tells early and late watchers, ends, and answers 204 after it', async () => {
    const { id } = JSON.parse(await sample.ask(0)) as { id: string };
    const early = sample.curl(1, ['<id>', id]);
    await early.until(({ stdout }) => stdout.includes('{"percent":10}'));
    const late = sample.curl(1, ['<id>', id]);
    expect([await early.exited, await late.exited]).toEqual([0, 0]);
    const percents = (text: string) => Array.from(text.matchAll(/"percent":(\d+)/g), ([, n]) => Number(n));
    expect(percents(early.stdout).slice(-19)).toEqual(Array.from({ length: 19 }, (_, n) => 10 + n * 5));
    // It knows at once what the other one knew then.
    expect(percents(late.stdout)[0]).toBeGreaterThanOrEqual(10);
    expect(early.stdout).toMatch(/event: done\nid: 100\ndata: \{"percent":100\}\n\n$/);
    expect(await sample.ask(2, ['<id>', id])).toMatch(/^HTTP\/1\.1 204 No Content/);
    expect(await sample.ask(2, ['<id>', 'unknown'])).toMatch(/^HTTP\/1\.1 404 Not Found/);
  });
});
