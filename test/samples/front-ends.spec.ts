import { describeWith } from '../support/external.js';
import { usePage } from './page.js';
import { leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/front-ends', () => {
  const sample = useSample('front-ends');

  it('streams prices', async () => {
    expect(await leaveAfter(sample.curl(0), '"n":2')).toMatch(/event: price\nid: .+\ndata: {"n":1,"price":[\d.]+}\n\n/);
  });

  describeWith('chromium', 'its pages', (path) => {
    const open = usePage(path, sample);

    it.each(['react', 'angular'])('%s shows the stream', async (name) => {
      const page = await open(`/${name}`);
      await page.locator('p', { hasText: 'live' }).waitFor();
      await page.locator('li').nth(9).waitFor();
      const numbers = (await page.locator('li').allTextContents()).map((text) => Number(text.trim().split(':')[0]));
      expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index));
    });
  });
});
