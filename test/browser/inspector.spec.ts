import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import helmet from 'helmet';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { Sse, SseBroadcaster, SseClient, SseModule, type SseConnection } from '../../lib/index.js';
import { launchChromium } from '../support/chromium.js';
import { open, type Client } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { platforms, start, type Running } from '../support/platforms.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed') feed(@SseClient() client: SseConnection) {
    client.context.userId = '<b>ada</b>';
    return this.broadcaster.subscribe('news');
  }
  @Sse('other') other() {
    return this.broadcaster.subscribe('sports');
  }
}

const desk = { viewport: { width: 1280, height: 900 } };
const checks = fileURLToPath(new URL('./page-checks.js', import.meta.url));

describeWith('chromium', 'the inspector in Chromium', (path) => {
  let running: Running;
  let browser: Browser;
  let clients: Client[];
  let complaints: string[];

  beforeAll(async () => {
    browser = await launchChromium(path);
    const inspector = { path: 'streams', guard: false } as const;
    running = await start(platforms[0]!, { imports: [SseModule.forRoot({ inspector })], controllers: [Feeds] }, (app) =>
      // As strict as it comes, and it must not be in the way.
      app.use(helmet({ contentSecurityPolicy: { directives: { styleSrc: ["'self'"] } } })),
    );
  });
  afterAll(async () => {
    await browser.close();
    await running.app.close();
  });

  beforeEach(async () => {
    complaints = [];
    clients = [await open(running, '/feed'), await open(running, '/other')];
  });
  afterEach(() => {
    for (const client of clients) client.leave();
    expect(complaints).toEqual([]);
  });

  async function openPage(options: BrowserContextOptions = desk): Promise<Page> {
    const page = await browser.newPage(options);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('request', (one) => {
      if (!one.url().startsWith(running.url) && !one.url().startsWith('data:')) complaints.push(one.url());
    });
    page.setDefaultTimeout(60_000);
    await page.goto(`${running.url}/streams`);
    await page.locator('#connections tr').nth(2).waitFor();
    return page;
  }

  it('shows connections, finds one by its tag, and closes it', async () => {
    const page = await openPage();
    await page.locator('#state', { hasText: 'live' }).waitFor();
    await page.locator('#backplane', { hasText: 'backplane up' }).waitFor();
    await page.fill('#q', 'USERID=<b>');
    const rows = page.locator('#connections tr');
    await page.locator('#found', { hasText: /^1$/ }).waitFor();
    expect((await rows.first().locator('td').allTextContents()).slice(0, 4)).toEqual([
      '/feed',
      '127.0.0.1',
      'userId=<b>ada</b>',
      'news',
    ]);
    await rows.first().locator('button').click();
    await clients[0]!.rest();
    await page.locator('#found', { hasText: /^0$/ }).waitFor();
    await page.close();
  });

  it('plots what happens, and shows what comes in a channel', async () => {
    const page = await openPage();
    await page.locator('#channels tr', { hasText: 'news' }).locator('button').click();
    await page.locator('#tail').waitFor();
    const broadcaster = running.app.get(SseBroadcaster);
    const publish = setInterval(() => void broadcaster.publish('news', { type: 'created', data: 'a <i>line</i>' }), 20);
    await page.locator('#tail-lines li', { hasText: 'created a <i>line</i>' }).first().waitFor();
    await page
      .locator('.tile', { hasText: 'Events a second' })
      .locator('b', { hasText: /^[1-9]/ })
      .waitFor();
    clearInterval(publish);
    // A line needs two values, one a second. Not waitForFunction(): the page's policy refuses what that does.
    let drawn = 0;
    while (drawn < 6) {
      drawn = await page.evaluate<number>(
        `Array.from(document.querySelectorAll('canvas'), (canvas) =>
          canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((part) => part > 0))
          .filter((isDrawn) => isDrawn).length`,
      );
    }
    await page.locator('#tail-stop').click();
    await page.locator('#tail').waitFor({ state: 'hidden' });
    await page.close();
  });

  it.each<[string, BrowserContextOptions]>([
    ['in light', desk],
    ['in the dark', { ...desk, colorScheme: 'dark' }],
    ['on a phone', { viewport: { width: 360, height: 780 } }],
  ])('can be read %s', async (_, options) => {
    const page = await openPage(options);
    // Not as a script of the page: its policy would not have that.
    await page.evaluate(await readFile(checks, 'utf8'));
    expect(await page.evaluate('tooFaint()')).toEqual([]);
    expect(await page.evaluate('nameless()')).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await page.close();
  });
});
