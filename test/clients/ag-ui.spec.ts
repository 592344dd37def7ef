import 'reflect-metadata';
import { jest } from '@jest/globals';
import { HttpException, Logger } from '@nestjs/common';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../support/chromium.js';
import { describeWith } from '../support/external.js';
import { cutsOf, describeNodes, isBeginning, TEXT, WORDS, type AnsweringNodes } from './apps/answering-nodes.js';

/** Beside the words: RUN_STARTED, MESSAGES_SNAPSHOT, TEXT_MESSAGE_START, TEXT_MESSAGE_END, RUN_FINISHED. */
const EVENTS = WORDS.length + 5;

/** Of one agent: how each of its runs ended, and what it has said then. */
interface Outcome {
  readonly failures: (string | null)[];
  readonly answers: string[][];
}

describeWith('chromium', 'in Chromium', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => void (browser = await launchChromium(executablePath)));
  afterAll(() => browser.close());

  // The code of docs/LLM.md.
  const specs = (nodes: () => AnsweringNodes) => {
    let page: Page;
    let runs = 0;
    beforeAll(async () => {
      page = await browser.newPage();
      await page.goto(`${nodes().url}/page`);
    });
    beforeEach(() => void jest.spyOn(Logger.prototype, 'error').mockReturnValue());
    afterAll(() => page.close());

    /** An agent that runs the same run several times. */
    const ask = (times: number): Promise<Outcome> => page.evaluate(`ask('run-${++runs}', ${times})`);

    it('reads an answer to its end, and once when it runs the same run again', async () => {
      expect((await ask(2)).answers).toEqual([[TEXT], [TEXT]]);
    });

    it('runs the same run again, and has the whole, and nothing twice, wherever it was cut', async () => {
      for (const { events, bytes } of cutsOf(EVENTS)) {
        nodes().front.cutNext(events, bytes);
        const { failures, answers } = await ask(2);
        expect([events, bytes, failures]).toEqual([events, bytes, [expect.any(String), null]]);
        const [[part = ''] = [], whole] = answers;
        expect([events, bytes, part, isBeginning(part, events - 3)]).toEqual([events, bytes, part, true]);
        expect([events, bytes, whole]).toEqual([events, bytes, [TEXT]]);
      }
    });

    it('is told what failed, at once and when it runs the same run again', async () => {
      const { model } = nodes();
      model.hold();
      model.fail(new HttpException('The model left', 502));
      expect((await ask(2)).failures).toEqual(['The model left', 'The model left']);
    });
  };
  describeNodes(
    'the HttpAgent of AG-UI',
    ['class AgentController', 'AgentController'],
    specs,
    'test/clients/apps/agent-page.js',
  );
});
