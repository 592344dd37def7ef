import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { fileURLToPath } from 'node:url';
import { SseBroadcaster, SseConnections } from '../../lib/index.js';
import { ServerLog } from '../../sample/demo/channels.controller.js';
import { launchChromium } from '../support/chromium.js';
import { describeWith } from '../support/external.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A desk, and a phone of the smallest common width. */
const desk = { viewport: { width: 1440, height: 900 } };
const phone = { viewport: { width: 360, height: 780 } };

/** Runs in the page: writes down each state that a panel is in, also one that is over before anybody looks. */
const noteStates = `
  globalThis.states = [];
  new MutationObserver((records) => {
    for (const { target } of records) states.push(target.closest('[id]').id + ' ' + target.dataset.state);
  }).observe(document, { subtree: true, attributeFilter: ['data-state'] });`;

describeWith('chromium', 'the demo in Chromium', (path) => {
  let app: INestApplication;
  let url: string;
  let banner = '';
  let browser: Browser;
  let page: Page;
  /** What a page must not do: fail, or ask another host for anything. */
  let complaints: string[];

  beforeAll(async () => {
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((banner += String(text))));
    try {
      // What `npm start` runs, on a free port.
      process.env.PORT = '0';
      ({ app, url } = await import('../../sample/demo/main.js'));
    } finally {
      write.mockRestore();
    }
    // The rest of its log goes to the page only: jest has its own use for the terminal.
    jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
    browser = await launchChromium(path);
  });

  afterAll(async () => {
    await browser.close();
    await app.close();
    jest.restoreAllMocks();
  });

  async function openPage(options: BrowserContextOptions = desk): Promise<Page> {
    const opened = await browser.newPage(options);
    opened.on('pageerror', (error) => complaints.push(error.message));
    opened.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    opened.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:')) complaints.push(request.url());
    });
    opened.setDefaultTimeout(60_000);
    await opened.addInitScript(noteStates);
    await opened.goto(url);
    return opened;
  }

  beforeEach(async () => {
    complaints = [];
    page = await openPage();
  });
  afterEach(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });

  const panel = (id: string) => page.locator(`#${id}`);
  const button = (id: string) => panel(id).locator('button');
  const logged = (text: string | RegExp) => page.locator('#lines li').filter({ hasText: text });

  /** Waits until it says so. */
  const says = (locator: Locator, text: string | RegExp) => locator.filter({ hasText: text }).first().waitFor();
  const isIn = (id: string, state: string) => panel(id).locator(`.state[data-state="${state}"]`).waitFor();

  /** Waits until it has been in a state, also when that is over already. What came before is not looked at again. */
  const wasIn = (id: string, state: string) =>
    page.waitForFunction(`(() => {
      const at = states.indexOf('${id} ${state}');
      return at >= 0 && states.splice(0, at + 1);
    })()`);

  let marks = 0;
  /** Writes a line to the server log and waits for it: what was logged before is on the page as well now. */
  async function mark(): Promise<void> {
    const text = `mark ${++marks}`;
    app.get(ServerLog).log(text, 'Test');
    await logged(new RegExp(`${text}$`)).waitFor();
  }

  it('prints its endpoints, each with a line for curl that works', async () => {
    const lines = banner.split('\n').filter((line) => line.includes('curl -N '));
    expect(lines.map((line) => /^ +(\w+ \S+)/.exec(line)?.[1])).toEqual([
      'GET /numbers',
      'GET /counter',
      'GET /named',
      'GET /stocks',
      'GET /progress',
      'POST /tokens',
      'GET /live',
      'POST /rooms/lobby',
      'POST /cut',
      'GET /wire',
      'GET /log',
      'GET /large-response',
      'GET /large-stream',
    ]);
    for (const line of lines) {
      const [, form, address = ''] = /curl -N (?:-d '(.+)' )?(\S+)$/.exec(line) ?? [];
      const abort = new AbortController();
      const response = await fetch(address, {
        signal: abort.signal,
        headers: { origin: 'https://elsewhere.example' },
        ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
      });
      expect([address, response.status]).toEqual([address, address.includes('/rooms/') ? 202 : 200]);
      expect(response.headers.get('content-type')).toMatch(
        /\/(large-response|rooms\/lobby|cut)$/.test(address) ? /^application\/json/ : /^text\/event-stream$/,
      );
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      abort.abort();
    }
  });

  it('gets five numbers, comes back by itself, and is told by 204 that this was all', async () => {
    await button('numbers').click();
    await isIn('numbers', 'ended');
    expect(await panel('numbers').locator('.balls .got').allTextContents()).toEqual(['1', '2', '3', '4', '5']);
    expect(await panel('numbers').locator('.story li').allTextContents()).toEqual([
      'The stream is open.',
      'The server ended the body. The browser comes back by itself, with Last-Event-ID: 5.',
      'The answer was 204 No Content: it will not come back again.',
    ]);
    await logged(/GET \/numbers 204/)
      .last()
      .waitFor();
  });

  it('closes on “done” instead, and asks only once', async () => {
    await mark();
    const before = await logged(/GET \/numbers/).count();
    await panel('numbers').getByText('The page closes on').click();
    await button('numbers').click();
    await isIn('numbers', 'ended');
    expect(await panel('numbers').locator('.balls .got').count()).toBe(5);
    // The marker: another page ends later, and comes back. This one would have done so before.
    const other = await openPage();
    await other.locator('#numbers button').click();
    await other.locator('#numbers .state[data-state="ended"]').waitFor();
    await other.close();
    await logged(/GET \/numbers 204/)
      .last()
      .waitFor();
    const requests = await logged(/GET \/numbers/).allTextContents();
    expect(requests.slice(before).map((line) => /\d{3}, /.exec(line)?.[0])).toEqual(['200, ', '200, ', '204, ']);
  });

  it('counts until it is stopped, and the server log says that the client has left', async () => {
    await button('counter').click();
    await says(panel('counter').locator('.received'), /^([6-9]|\d\d)$/);
    const [count, received] = await page.evaluate<string[]>(
      `['output', '.received'].map((part) => document.querySelector('#counter ' + part).textContent)`,
    );
    expect(Number(count)).toBe(Number(received) - 1);
    expect(await button('counter').textContent()).toBe('Stop');
    await button('counter').click();
    await isIn('counter', 'idle');
    const lines = /client \d+ is gone after \d+ frames: the client left \(client_left\)/;
    await logged(lines).first().waitFor();
    await says(panel('counter').locator('.heard'), lines);
  });

  it('has its tab closed, and the server log says that too', async () => {
    const leaving = await openPage();
    await leaving.locator('#counter button').click();
    await leaving
      .locator('#counter .received')
      .filter({ hasText: /^[1-9]/ })
      .waitFor();
    await mark();
    const [started = ''] = (await logged(/client \d+ started counting/).allTextContents()).slice(-1);
    await leaving.close();
    await logged(`${/client \d+/.exec(started)?.[0]} is gone`).waitFor();
  });

  it('hears welcome, update and notification by their names', async () => {
    await button('named').click();
    await says(panel('named').locator('.feed'), /notificationOrder \d+ was shipped/);
    await button('named').click();
    await isIn('named', 'idle');
    expect((await panel('named').locator('.feed li').allTextContents()).slice(-4)).toEqual([
      expect.stringMatching(/^notificationOrder \d+ was shipped$/),
      expect.stringMatching(/^update\d+ people are online$/),
      expect.stringMatching(/^update\d+ people are online$/),
      'welcomeGood to see you. Updates follow.',
    ]);
    const tallies = await panel('named').locator('.tallies b').allTextContents();
    expect(tallies).toEqual(['1', expect.stringMatching(/^([2-9]|\d\d)$/), expect.stringMatching(/^\d+$/)]);
  });

  it('draws four charts from the first event, and moves them with the next ones', async () => {
    await button('stocks').click();
    const rows = panel('stocks').locator('tbody tr');
    await rows.nth(3).waitFor();
    expect(await rows.locator('th').allTextContents()).toEqual(['NEST', 'NODE', 'RXJS', 'FLUX']);
    for (const path of await rows.locator('.line').all()) {
      expect((await path.getAttribute('d'))?.split('L')).toHaveLength(60);
    }
    const drawn = await rows.first().locator('.line').getAttribute('d');
    await panel('stocks').locator(`tr:first-child .line:not([d="${drawn}"])`).waitFor();
    expect(await rows.locator('.price').allTextContents()).toEqual(Array(4).fill(expect.stringMatching(/^\d+\.\d\d$/)));
    expect(await rows.locator('.change').first().textContent()).toMatch(/^[▲▼] \d+\.\d\d %$/);
    await button('stocks').click();
    await isIn('stocks', 'idle');
  });

  it('follows a long task to its end', async () => {
    const percent = () => page.evaluate<number>(`document.querySelector('#progress progress').value`);
    await button('progress').click();
    await panel('progress').locator('.steps .past').first().waitFor();
    expect(await percent()).toBeLessThan(100);
    await isIn('progress', 'ended');
    expect(await percent()).toBe(100);
    expect(await panel('progress').locator('output').textContent()).toBe('100 %');
    expect(await panel('progress').locator('.step').textContent()).toBe('Published');
  });

  it('writes an answer token by token', async () => {
    await page.fill('#prompt', 'Grüße & <b>more</b>?');
    await button('tokens').click();
    await isIn('tokens', 'ended');
    const answer = (await panel('tokens').locator('.answer').textContent()) ?? '';
    expect(answer).toMatch(/^You asked: “Grüße & <b>more<\/b>\?”\. .* Look at the server log\.$/);
    expect(await panel('tokens').locator('.note').textContent()).toMatch(/^complete: \d+ tokens in \d\.\d s$/);
    await says(panel('tokens').locator('.heard'), /\d+ tokens, to the end/);
  });

  it('stops the generator on the server when the answer is stopped', async () => {
    await button('tokens').click();
    await says(panel('tokens').locator('.answer'), 'You asked');
    await button('tokens').click();
    await isIn('tokens', 'stopped');
    const heard = panel('tokens').locator('.heard');
    await says(heard, /\d+ tokens, then the client stopped it/);
    const tokensIn = async (locator: Locator) => Number(/(\d+) tokens/.exec((await locator.textContent()) ?? '')?.[1]);
    const [shown, spent] = [await tokensIn(panel('tokens').locator('.note')), await tokensIn(heard)];
    // More may have been under way.
    expect(spent).toBeGreaterThanOrEqual(shown);
  });

  it('shows the bytes of a frame of every kind beside what they mean', async () => {
    await button('wire').click();
    await isIn('wire', 'ended');
    const cells = await page.evaluate<string[][]>(
      `Array.from(document.querySelectorAll('#wire .frames li:not(.head)'), (row) =>
        Array.from(row.children, (cell) => cell.textContent))`,
    );
    expect(cells).toEqual([
      ['retry: 1000⏎\n⏎\n', 'The browser will wait 1000 ms before it comes back. '],
      [': a comment: people see it, listeners do not⏎\n⏎\n', 'A comment: no listener sees it. '],
      ['data: plain text⏎\n⏎\n', 'messageplain text'],
      ['data: {"total":19.9,"paid":true}⏎\n⏎\n', 'message{"total":19.9,"paid":true}'],
      [
        'event: order⏎\nid: order-7⏎\ndata: {"total":19.9,"paid":true}⏎\n⏎\n',
        'order lastEventId order-7{"total":19.9,"paid":true}',
      ],
      [
        'data: data of three lines:⏎\ndata: roses are red⏎\ndata: violets are blue⏎\n⏎\n',
        'messagedata of three lines:\nroses are red\nviolets are blue',
      ],
      ['data: any language: Grüße, Καλημέρα, Привет⏎\n⏎\n', 'messageany language: Grüße, Καλημέρα, Привет'],
      ['retry: 2000⏎\n⏎\n', 'The browser will wait 2000 ms before it comes back. '],
      ['event: bell⏎\ndata: ⏎\n⏎\n', 'bell(empty data)'],
    ]);
  });

  it('has the first row of a stream before the first row of plain JSON', async () => {
    await button('compare').click();
    const first = (id: string) => panel(id).locator('.first').filter({ hasText: /\d ms/ });
    await first('as-stream').waitFor();
    await first('as-json').waitFor();
    await says(panel('as-stream').locator('.rows'), /^300$/);
    await isIn('compare', 'ended');
    expect(await panel('as-json').locator('.rows').textContent()).toBe('300');
    const ms = async (id: string) => Number((await first(id).textContent())?.replace(/\D/g, ''));
    expect(await ms('as-stream')).toBeLessThan(await ms('as-json'));
  });

  it('comes back to the server log after a cut, and shows each line exactly once', async () => {
    await isIn('log', 'open');
    // Before the cut, between cut and return, and after.
    const write = (n: number) => app.get(ServerLog).log(`line ${n}`, 'Cut');
    write(1);
    await logged('line 1').waitFor();
    for (const connection of app.get(SseConnections)) connection.close('cut by a test');
    write(2);
    await wasIn('log', 'reconnecting');
    write(3);
    await logged('line 3').waitFor();
    await isIn('log', 'open');
    write(4);
    await logged('line 4').waitFor();
    const lines = await logged('Cut line').allTextContents();
    expect(lines.map((line) => line.slice(-6))).toEqual(['line 1', 'line 2', 'line 3', 'line 4']);
  });

  describe('its channels', () => {
    const cells = () =>
      page.evaluate<{ kind: string; text: string }[]>(
        `Array.from(document.querySelectorAll('#channels .cells li'), (cell) => ({ kind: cell.className, text: cell.textContent }))`,
      );
    const newest = async () => Number((await cells()).at(-1)?.text);
    const sees = (n: number) =>
      page.waitForFunction(`Number(document.querySelector('#channels .cells li:last-child')?.textContent) >= ${n}`);
    const messages = (on: Page) => on.locator('#channels .chat li');
    const say = async (text: string) => {
      await page.fill('#chat-name', 'Ann');
      await page.fill('#chat-text', text);
      await page.keyboard.press('Enter');
    };

    it('show every number of the ticker, however often the connection is cut', async () => {
      await isIn('channels', 'open');
      await page.waitForFunction(`document.querySelectorAll('#channels .cells li').length > 2`);
      const before = await newest();
      for (let cut = 1; cut <= 4; cut++) {
        await panel('channels').locator('.cut').click();
        await wasIn('channels', 'reconnecting');
        // Published by more than the ticker while the page is away.
        await app
          .get(SseBroadcaster)
          .publish('room.garden', { type: 'chat', data: { room: 'garden', text: `${cut}` } });
        await isIn('channels', 'open');
        await sees((await newest()) + 2);
      }
      const shown = await cells();
      const numbers = shown.map(({ text }) => Number(text));
      expect(numbers).toEqual(numbers.map((_, at) => numbers[0]! + at));
      expect(numbers.at(-1)).toBeGreaterThan(before + 12);
      expect(new Set(shown.map(({ kind }) => kind))).toEqual(new Set(['live', 'replayed']));
      expect(await panel('channels').locator('.sum').textContent()).toMatch(
        /^Numbers: \d+ · cuts: 4 · replayed: [1-9]\d* · in gaps: 0 · missing: 0$/,
      );
      await panel('channels').screenshot({ path: here('screenshots/channels-cut.png') });
      // The rooms came back on the same connection, each once.
      await panel('channels').getByText('garden').click();
      expect((await messages(page).allTextContents()).map((text) => text.at(-1))).toEqual(['1', '2', '3', '4']);
    });

    it('announce a gap to who stays away for longer than the ticker is kept, and nothing is missing besides', async () => {
      await isIn('channels', 'open');
      await page.waitForFunction(`document.querySelectorAll('#channels .cells li').length > 2`);
      await panel('channels').locator('.cut-long').click();
      await wasIn('channels', 'reconnecting');
      await panel('channels').locator('.cells .gap').waitFor();
      await sees((await newest()) + 2);
      const gaps = (await cells()).filter(({ kind }) => kind !== 'live' && kind !== 'replayed');
      expect(gaps).toEqual([{ kind: 'gap', text: expect.stringMatching(/^\d+ to \d+$/) }]);
      await panel('channels').screenshot({ path: here('screenshots/channels-gap.png') });
    });

    it('carry a message from one page to another, that of a room that is not shown as well, and to who comes later', async () => {
      const other = await openPage();
      await isIn('channels', 'open');
      await other.locator('#channels .state[data-state="open"]').waitFor();
      await say('hello <b>you</b>');
      for (const on of [page, other]) await says(messages(on), /^Ann hello <b>you<\/b>$/);
      await panel('channels').getByText('kitchen').click();
      await say('anyone in here?');
      await says(other.locator('#channels .rooms label'), /^kitchen 1$/);
      await other.locator('#channels').getByText('kitchen').click();
      await says(messages(other), /^Ann anyone in here\?$/);
      await panel('channels').screenshot({ path: here('screenshots/channels-chat.png') });
      await other.reload();
      await says(messages(other), /^Ann hello <b>you<\/b>$/);
      await other.close();
    });

    it('go on after the tab was hidden, from where it was', async () => {
      await isIn('channels', 'open');
      await page.waitForFunction(`document.querySelectorAll('#channels .cells li').length > 2`);
      const hide = (hidden: boolean) =>
        page.evaluate(
          `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`,
        );
      await hide(true);
      await isIn('channels', 'paused');
      const before = await newest();
      await hide(false);
      await sees(before + 3);
      expect(await panel('channels').locator('.cells .gap, .cells .hole').count()).toBe(0);
    });
  });

  it('keeps one of the browser’s six connections free, and says so', async () => {
    for (const id of ['counter', 'named']) await button(id).click();
    await page.selectOption('#wire-path', '/named');
    await button('wire').click();
    await isIn('wire', 'open');
    expect(await page.locator('#open-count').textContent()).toBe('5');
    await button('progress').click();
    await says(page.locator('#notice'), 'Five streams are open');
    await button('counter').click();
    await button('progress').click();
    await isIn('progress', 'open');
  });

  describe('as a page', () => {
    async function fill(): Promise<void> {
      for (const id of ['numbers', 'compare', 'counter']) await button(id).click();
      for (const id of ['numbers', 'compare']) await isIn(id, 'ended');
      await button('counter').click();
      for (const id of ['progress', 'wire']) await button(id).click();
      await isIn('wire', 'ended');
      for (const id of ['named', 'tokens']) await button(id).click();
      await isIn('tokens', 'ended');
      await button('stocks').click();
      await panel('stocks').locator('.change').last().waitFor();
    }

    it('reads well at a desk and on a phone, in light and in dark: contrast, names, nothing wider than the screen', async () => {
      await fill();
      await page.addScriptTag({ path: here('page-checks.js') });
      for (const [name, size] of Object.entries({ desk, phone })) {
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.setViewportSize(size.viewport);
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          await page.evaluate('scrollTo(0, 0)');
          const where = `${name}-${colorScheme}`;
          await page.screenshot({ path: here(`screenshots/${where}.png`) });
          await page.screenshot({ path: here(`screenshots/${where}-full.png`), fullPage: true });
          expect([where, await page.evaluate('tooFaint()')]).toEqual([where, []]);
          expect([where, await page.evaluate('nameless()')]).toEqual([where, []]);
          const width = await page.evaluate<number>('document.documentElement.scrollWidth');
          expect([where, width]).toEqual([where, size.viewport.width]);
        }
      }
    });

    it('remembers the theme that was chosen', async () => {
      const theme = page.locator('#theme');
      await theme.click();
      await says(theme, 'Theme: light');
      await theme.click();
      await says(theme, 'Theme: dark');
      await page.reload();
      await says(theme, 'Theme: dark');
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(11, 14, 18)');
    });
  });
});
