import { describeWith } from '../support/external.js';
import { usePage } from './page.js';
import { leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/news', () => {
  const sample = useSample('news');

  it('sends what came after the article that the client has', async () => {
    expect(await sample.ask(0)).toBe('{"id":1}');
    expect(await sample.ask(0, ['One', 'Two'])).toBe('{"id":2}');
    const two = 'event: article\nid: 2\ndata: {"title":"Two"}\n\n';
    expect(await leaveAfter(sample.curl(1), 'Two')).toBe(
      `retry: 1000\n\nevent: article\nid: 1\ndata: {"title":"One"}\n\n${two}`,
    );
    const back = sample.curl(2);
    await back.until(({ stdout }) => stdout.includes('Two'));
    await sample.ask(0, ['One', 'Three']);
    expect(await leaveAfter(back, 'Three')).toBe(
      `retry: 1000\n\n${two}event: article\nid: 3\ndata: {"title":"Three"}\n\n`,
    );
  });

  describeWith('chromium', 'its page', (path) => {
    const open = usePage(path, sample);

    it('shows all articles, and those that it publishes', async () => {
      await sample.ask(0);
      const page = await open('/');
      await page.fill('input', 'From the page');
      await page.click('button');
      await page.locator('li', { hasText: 'From the page' }).waitFor();
      expect(await page.locator('li').last().textContent()).toBe('One');
    });
  });
});
