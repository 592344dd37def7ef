import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../support/chromium.js';
import type { Sample } from './sample.js';

/**
 * Opens pages of a sample in Chromium, on a small phone. No page may fail, ask another host for anything, or be wider than
 * the phone.
 */
export function usePage(chromium: string, sample: Sample): (path: string) => Promise<Page> {
  let browser: Browser;
  const complaints: string[] = [];
  const pages: Page[] = [];

  beforeAll(async () => {
    browser = await launchChromium(chromium);
  });
  afterAll(async () => {
    for (const page of pages) {
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    }
    await browser.close();
    expect(complaints).toEqual([]);
  });

  return async (path) => {
    const page = await browser.newPage({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    pages.push(page);
    page.setDefaultTimeout(60_000);
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('request', (request) => {
      if (!request.url().startsWith(`${sample.url}/`) && !request.url().startsWith('data:'))
        complaints.push(request.url());
    });
    await page.goto(`${sample.url}${path}`);
    return page;
  };
}
