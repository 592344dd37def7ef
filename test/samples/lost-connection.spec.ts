import { describeWith } from '../support/external.js';
import { usePage } from './page.js';
import { useSample } from './sample.js';

describeWith('curl', 'sample/lost-connection', () => {
  const sample = useSample('lost-connection');

  it('cuts a client off', async () => {
    const client = sample.curl(0);
    // 56: the connection was reset.
    expect(await client.exited).toBe(56);
    expect(client.stdout).toMatch(/^retry: 300\n\nid: .+\n: \n\n(id: .+\ndata: \d+\n\n)+/);
  });

  describeWith('chromium', 'its page', (path) => {
    const open = usePage(path, sample);

    it('comes back, and misses nothing', async () => {
      const page = await open('/');
      await page.waitForFunction('Number(cuts.textContent) >= 3 && Number(numbers.textContent) >= 40');
      expect(await page.locator('#missing').textContent()).toBe('0');
      expect(await page.locator('#twice').textContent()).toBe('0');
    });
  });
});
