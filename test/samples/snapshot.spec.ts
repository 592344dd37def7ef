import { describeWith } from '../support/external.js';
import { usePage } from './page.js';
import { leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/snapshot', () => {
  const sample = useSample('snapshot');

  /** The state that a client has after all that it was sent. */
  function stateOf(text: string): Record<string, string> {
    const state: Record<string, string> = {};
    for (const [, type, data] of text.matchAll(/^event: (seats?)\nid: .+\ndata: (.+)\n\n/gm)) {
      const said = JSON.parse(data!) as Record<string, string>;
      if (type === 'seats') Object.assign(state, said);
      else state[said.seat!] = said.state!;
    }
    return state;
  }
  const lastId = (text: string) => Array.from(text.matchAll(/^id: (.+)\n.*data.*\n\n/gm)).at(-1)![1]!;

  it('sends the state and its changes; to who comes back soon the changes, to who comes late a gap and the state', async () => {
    const watching = sample.curl(0);
    await watching.until(({ stdout }) => stdout.includes('event: seat\n'));
    const left = await leaveAfter(sample.curl(0), /event: seat\n.+\n.+\n\n/);
    expect(left).toMatch(/^event: seats\nid: .+\ndata: {"A1":"/m);
    expect(Object.keys(stateOf(left))).toHaveLength(40);

    const back = await leaveAfter(sample.curl(1, ['<the last id you saw>', lastId(left)]), /event: seat\n.+\n.+\n\n/);
    expect(back).not.toMatch(/event: (seats|gap)/);
    const seen = watching.stdout.length;
    await watching.until(({ stdout }) => (stdout.slice(seen).match(/event: seat\n/g)?.length ?? 0) > 6);
    const late = await leaveAfter(sample.curl(1, ['<the last id you saw>', lastId(left)]), /event: seat\n.+\n.+\n\n/);
    expect(late).toMatch(/event: gap\n[^]+event: seats\n/);

    // Who has watched all the time has the same state as who has just come, at the same event.
    const id = lastId(late);
    await watching.until(({ stdout }) => stdout.includes(`id: ${id}\n`));
    await watching.stop('SIGINT');
    const upTo = (text: string) => text.slice(0, text.indexOf('\n\n', text.lastIndexOf(`id: ${id}\n`)) + 2);
    expect(stateOf(upTo(watching.stdout))).toEqual(stateOf(upTo(late)));
  });

  describeWith('chromium', 'its page', (path) => {
    const open = usePage(path, sample);

    it('shows all seats', async () => {
      const page = await open('/');
      await page.locator('#E8').waitFor();
      await page.waitForFunction("document.querySelectorAll('[data-state=held], [data-state=sold]').length > 0");
      expect(await page.locator('main > div').count()).toBe(40);
    });
  });
});
