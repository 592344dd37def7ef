import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Chat } from '@ai-sdk/react';
import { HttpException, Logger } from '@nestjs/common';
import { convertToModelMessages, DefaultChatTransport, type UIMessage } from 'ai';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchChromium } from '../support/chromium.js';
import { describeWith } from '../support/external.js';
import { cutsOf, describeNodes, isBeginning, TEXT, WORDS, type AnsweringNodes } from './apps/answering-nodes.js';

const code = ['class ChatController', 'ChatController'] as const;
/** start, text-start, the words, text-end, finish. */
const EVENTS = WORDS.length + 4;
let chats = 0;

beforeEach(() => void jest.spyOn(Logger.prototype, 'error').mockReturnValue());

// The code of docs/LLM.md.
describeNodes('the AI SDK', code, (nodes) => {
  const begin = (id = `node-${++chats}`) =>
    new Chat<UIMessage>({ id, transport: new DefaultChatTransport({ api: `${nodes().url}/api/chat` }) });
  const answersOf = ({ messages }: Chat<UIMessage>) =>
    messages
      .filter(({ role }) => role === 'assistant')
      .map(({ parts }) => parts.map((part) => (part.type === 'text' ? part.text : '')).join(''));

  it('reads an answer to its end', async () => {
    const chat = begin();
    await chat.sendMessage({ text: 'Hi' });
    expect([chat.status, answersOf(chat)]).toEqual(['ready', [TEXT]]);
  });

  it('makes of its messages what models take', async () => {
    const chat = begin();
    await chat.sendMessage({ text: 'Hi' });
    expect(await convertToModelMessages(chat.messages)).toMatchObject([
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      { role: 'assistant', content: [{ type: 'text', text: TEXT }] },
    ]);
  });

  it('has an answer once and whole when it resumes it after its end', async () => {
    const chat = begin();
    await chat.sendMessage({ text: 'Hi' });
    await chat.resumeStream();
    expect([chat.status, answersOf(chat)]).toEqual(['ready', [TEXT]]);
    await chat.sendMessage({ text: 'And again?' });
    await chat.resumeStream();
    expect([chat.status, answersOf(chat)]).toEqual(['ready', [TEXT, TEXT]]);
  });

  it('has nothing to resume where nothing was asked', async () => {
    const chat = begin();
    await chat.resumeStream();
    expect([chat.status, chat.messages]).toEqual(['ready', []]);
  });

  it('resumes, and has the whole, and nothing twice, wherever it was cut', async () => {
    const { model, front } = nodes();
    // All of them at once: each has a model of its own pace.
    model.paceMs = 60;
    for (const { events, bytes } of cutsOf(EVENTS)) {
      front.cutNext(events, bytes);
      const chat = begin();
      await chat.sendMessage({ text: 'Hi' });
      expect([events, bytes, chat.status]).toEqual([events, bytes, 'error']);
      const [part = ''] = answersOf(chat);
      expect([events, bytes, part, isBeginning(part, events - 2)]).toEqual([events, bytes, part, true]);
      await chat.resumeStream();
      expect([events, bytes, chat.status, answersOf(chat)]).toEqual([events, bytes, 'ready', [TEXT]]);
    }
  });

  it('is told what failed, at once and when it resumes', async () => {
    const { model } = nodes();
    model.hold();
    model.fail(new HttpException('The model left', 502));
    const chat = begin();
    await chat.sendMessage({ text: 'Hi' });
    expect([chat.status, chat.error?.message]).toEqual(['error', 'The model left']);
    await chat.resumeStream();
    expect([chat.status, chat.error?.message]).toEqual(['error', 'The model left']);
  });
});

describeWith('chromium', 'in Chromium', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => void (browser = await launchChromium(executablePath)));
  afterAll(() => browser.close());

  const specs = (nodes: () => AnsweringNodes) => {
    let context: BrowserContext;
    let url: string;
    beforeEach(async () => {
      context = await browser.newContext();
      url = `${nodes().url}/page?id=browser-${++chats}`;
    });
    afterEach(() => context.close());

    const visit = async (save = 'user') => {
      const page = await context.newPage();
      await page.goto(`${url}&save=${save}`);
      await page.waitForSelector('main');
      return page;
    };
    /** Waits until the page shows this, and nothing else. */
    const shows = (page: Page, status: string, answer: string) =>
      page.waitForFunction(`shown() === ${JSON.stringify(`${status}: ${answer}`)}`);
    const begun = async (save?: string) => {
      const { model } = nodes();
      model.hold();
      const page = await visit(save);
      await shows(page, 'ready', '');
      await page.click('#ask');
      model.say(2);
      await shows(page, 'streaming', WORDS.slice(0, 2).join(''));
      return page;
    };

    it.each(['user', 'all'])('goes on after a reload in mid-answer, where the page has kept: %s', async (save) => {
      const page = await begun(save);
      await page.reload();
      await shows(page, 'streaming', WORDS.slice(0, 2).join(''));
      nodes().model.say(3);
      await shows(page, 'streaming', WORDS.slice(0, 5).join(''));
      nodes().model.say(9);
      await shows(page, 'ready', TEXT);
      // And after its end.
      await page.reload();
      await shows(page, 'ready', TEXT);
    });

    it('shows the same in two tabs, of which one came in mid-answer', async () => {
      const one = await begun();
      const other = await visit();
      await shows(other, 'streaming', WORDS.slice(0, 2).join(''));
      nodes().model.say();
      for (const page of [one, other]) await shows(page, 'streaming', WORDS.slice(0, 3).join(''));
      await one.close();
      nodes().model.say(9);
      await shows(other, 'ready', TEXT);
    });

    it('stops the model, and what was said stays', async () => {
      const page = await begun('all');
      const other = await visit('all');
      await shows(other, 'streaming', WORDS.slice(0, 2).join(''));
      await page.click('#stop');
      await nodes().model.facts.until('released');
      for (const one of [page, other]) await shows(one, 'ready', WORDS.slice(0, 2).join(''));
      await page.reload();
      await shows(page, 'ready', WORDS.slice(0, 2).join(''));
    });

    it('shows a failure in mid-answer', async () => {
      const page = await begun();
      nodes().model.fail(new HttpException('The model left', 502));
      await shows(page, 'error', WORDS.slice(0, 2).join(''));
      expect(await page.textContent('#error')).toBe('The model left');
    });

    it.each([0, 30])('resumes what was cut, in an event or between two: %p', async (bytes) => {
      const { model, front } = nodes();
      model.hold();
      const page = await visit();
      await shows(page, 'ready', '');
      // Two words that come together are one event, the third.
      front.cutNext(bytes === 0 ? 3 : 2, bytes);
      await page.click('#ask');
      model.say(2);
      await page.waitForFunction(`shown().startsWith('error: ')`);
      await page.click('#resume');
      await shows(page, 'streaming', WORDS.slice(0, 2).join(''));
      model.say(9);
      await shows(page, 'ready', TEXT);
    });
  };
  describeNodes('the AI SDK', code, specs, 'test/clients/apps/chat-page.js');
});
