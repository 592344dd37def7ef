import { describeWith } from '../support/external.js';
import { usePage } from './page.js';
import { datasOf, useSample } from './sample.js';

describeWith('curl', 'sample/deployment', () => {
  const sample = useSample('deployment');

  it('tells each step and the end of the deployment in the path', async () => {
    const text = await sample.ask(0);
    const percents = datasOf(text).map((data) => JSON.parse(data) as { id: number; percent: number });
    expect(percents.map(({ id, percent }) => [id, percent])).toEqual([0, 20, 40, 60, 80, 100].map((n) => [7, n]));
    expect(text).toMatch(/event: done\ndata: {"id":7,"percent":100}\n\n$/);
  });

  it('refuses a bad id before the stream', async () => {
    expect(await sample.ask(1)).toMatch(
      /^HTTP\/1.1 400 Bad Request[^]+\r\nContent-Type: application\/json[^]+"statusCode":400/,
    );
  });

  describeWith('chromium', 'its page', (path) => {
    const open = usePage(path, sample);

    it('fills the bar, and does not come back after the end', async () => {
      const page = await open('/');
      const requests: string[] = [];
      page.on('request', (request) => requests.push(new URL(request.url()).pathname));
      for (const id of [1, 2]) {
        await page.click('button');
        await page.locator('output', { hasText: `Deployment ${id} is done.` }).waitFor();
      }
      expect(requests).toEqual(['/deployments/1', '/deployments/2']);
    });
  });
});
