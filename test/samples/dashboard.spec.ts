import { describeWith } from '../support/external.js';
import { usePage } from './page.js';
import { leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/dashboard', () => {
  const sample = useSample('dashboard');

  it('says first what there is to draw', async () => {
    const text = await leaveAfter(sample.curl(0), 'event: metrics');
    expect(text).toMatch(
      /^event: config\ndata: {"everyMs":500,"charts":\[.+\]}\n\nevent: metrics\ndata: {"memory":\d+/,
    );
  });

  describeWith('chromium', 'its page', (path) => {
    const open = usePage(path, sample);

    it('draws the charts that the server names', async () => {
      const page = await open('/');
      await page.locator('section', { hasText: 'Clients' }).locator('output', { hasText: '1' }).waitFor();
      expect(await page.locator('h2').allTextContents()).toEqual(['Memory', 'CPU', 'Clients']);
    });
  });
});
