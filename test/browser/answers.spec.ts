import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import type { Browser, Page } from 'playwright-core';
import { SseConnections } from '../../lib/index.js';
import { launchChromium } from '../support/chromium.js';
import { describeWith } from '../support/external.js';

describeWith('chromium', 'the page of sample/answers in Chromium', (path) => {
  let app: INestApplication;
  let url: string;
  let browser: Browser;

  beforeAll(async () => {
    jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
    process.env.PORT = '0';
    app = (await import('../../sample/answers/main.js')).app!;
    url = `http://localhost:${new URL(await app.getUrl()).port}/`;
    browser = await launchChromium(path);
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
    jest.restoreAllMocks();
  });

  async function openPage(at: string): Promise<Page> {
    // The width of a small phone.
    const page = await browser.newPage({ viewport: { width: 360, height: 780 } });
    page.setDefaultTimeout(60_000);
    await page.goto(at);
    return page;
  }
  const isIn = (page: Page, state: string) => page.locator(`#state[data-state="${state}"]`).waitFor();
  const counts = (page: Page) =>
    page
      .locator('#text')
      .filter({ hasText: /^1 2 3 / })
      .waitFor();
  const numbers = (last: number) => Array.from({ length: last }, (_, n) => `${n + 1} `).join('');

  it('shows an answer that is read again from its first token, on two screens, until one of them stops it', async () => {
    const page = await openPage(url);
    await page.fill('#prompt', 'count to 9999999');
    await page.keyboard.press('Enter');
    await counts(page);
    await page.reload();
    await counts(page);
    await isIn(page, 'running');
    const other = await openPage(page.url());
    await counts(other);
    expect(await other.locator('#question').textContent()).toBe('count to 9999999');

    // It comes back by itself, and misses nothing.
    for (const connection of app.get(SseConnections)) connection.close('cut by a test');
    await other.locator('#stop').click();
    for (const screen of [page, other]) await isIn(screen, 'stopped');
    // Who comes after the end sees the same.
    const late = await openPage(page.url());
    await isIn(late, 'stopped');
    const stored = await (await fetch(page.url().replace('#', 'answers/'))).text();
    const text = Array.from(stored.matchAll(/^data: (\d.*)$/gm), ([, tokens]) => tokens).join('');
    expect(text).toBe(numbers(text.trim().split(' ').length));
    for (const screen of [page, other, late]) {
      await screen.waitForFunction(`document.querySelector('#text').textContent === '${text}'`);
      await screen.close();
    }
  });
});
