import { describeWith } from '../support/external.js';
import { usePage } from './page.js';
import { datasOf, leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/chat', () => {
  const sample = useSample('chat');
  const say = (room: string, text: string) => sample.ask(2, ['kitchen', room], ['text=hello', `text=${text}`]);

  it('hears a room from joining to leaving, on one stream', async () => {
    const ann = sample.curl(0);
    await ann.until(({ stdout }) => stdout.includes('id: '));
    await say('kitchen', 'before');
    await sample.ask(1);
    await say('kitchen', 'during');
    await sample.ask(3);
    await say('kitchen', 'after');
    await say('lobby', 'marker');
    const said = datasOf(await leaveAfter(ann, 'marker')).map((data) => JSON.parse(data) as { text: string });
    expect(said.map(({ text }) => text)).toEqual(['is here', 'during', 'has left', 'marker']);
  });

  describeWith('chromium', 'its page', (path) => {
    const open = usePage(path, sample);

    it('joins a room, and hears and says something there', async () => {
      const [eve, dan] = [await open('/?user=eve'), await open('/?user=dan')];
      for (const page of [eve, dan]) {
        await page.check('[value=garden]');
        await page.locator('li', { hasText: 'is here in the garden' }).first().waitFor();
      }
      await dan.selectOption('select', 'garden');
      await dan.fill('form input', 'Good morning');
      await dan.click('button');
      await eve.locator('li', { hasText: 'dan Good morning in the garden' }).waitFor();
    });
  });
});
