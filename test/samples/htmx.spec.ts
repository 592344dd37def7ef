import { describeWith } from '../support/external.js';
import { usePage } from './page.js';
import { leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/htmx', () => {
  const sample = useSample('htmx');

  it('sends fragments of HTML', async () => {
    const client = sample.curl(0);
    await sample.ask(1);
    const text = await leaveAfter(client, 'event: count');
    expect(text).toMatch(/event: note\nid: .+\ndata: <li>hello<\/li>\n\nevent: count\n/);
  });

  describeWith('chromium', 'its page', (path) => {
    const open = usePage(path, sample);

    it('shows what another page has added, and no script of it', async () => {
      const [page, other] = [await open('/'), await open('/')];
      await page.fill('input', '<img src=x onerror=alert(1)>');
      await page.click('button');
      await other.locator('li', { hasText: '<img src=x onerror=alert(1)>' }).waitFor();
      await other.locator('h1', { hasText: 'Notes: 2' }).waitFor();
      expect(await other.locator('img').count()).toBe(0);
    });
  });
});
