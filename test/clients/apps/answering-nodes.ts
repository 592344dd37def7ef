import 'reflect-metadata';
import { Module, type INestApplication, type Type } from '@nestjs/common';
import { setTimeout } from 'node:timers/promises';
import { SseBroadcaster, SseModule } from '../../../lib/index.js';
import { RedisBackplane } from '../../../lib/redis/index.js';
import { bundledPage } from '../../support/bundled-page.js';
import { CuttingFront } from '../../support/cutting-front.js';
import { describeWith } from '../../support/external.js';
import { Facts } from '../../support/facts.js';
import { run } from '../../support/paper-app.js';
import { Llm } from '../../support/paper-names.js';
import { platforms, start, type Platform, type Running } from '../../support/platforms.js';
import { RedisServer } from '../../support/redis-server.js';

/** What the model says, however it is asked. With spaces, and with characters of several bytes. */
export const WORDS = ['Grüße', ' aus', ' der', ' Ferne', ': 世界', ' 👋', ' und', ' Schluss'];
export const TEXT = WORDS.join('');

/**
 * A model that says what a spec lets it say: all of it, or one word for each call of `say()`. It fails, when it is asked to.
 */
export class Model {
  /** `released` when an answer was given up. */
  readonly facts = new Facts();
  private held = false;
  private allowed = 0;
  private wake: (() => void) | undefined;
  private failure: Error | undefined;
  /** Milliseconds between two words: more than a batch waits for, so that each is an event. It decides nothing else. */
  paceMs = 0;

  /** From now on a word is said when `say()` allows it. */
  hold(): void {
    this.held = true;
    this.allowed = 0;
  }

  say(words = 1): void {
    this.allowed += words;
    this.wake?.();
  }

  fail(error: Error): void {
    this.failure = error;
    this.wake?.();
  }

  /** All of it, for whoever asks. */
  free(): void {
    this.held = false;
    this.paceMs = 0;
    this.failure = undefined;
    this.facts.forget();
    this.wake?.();
  }

  async *tokens(_: readonly object[], signal?: AbortSignal): AsyncIterable<string> {
    const released = () => {
      this.facts.tell('released');
      this.wake?.();
    };
    signal?.addEventListener('abort', released);
    try {
      for (const word of WORDS) {
        while (this.held && this.allowed === 0 && !signal?.aborted && !this.failure) {
          await new Promise<void>((resolve) => (this.wake = resolve));
        }
        if (signal?.aborted) return;
        if (this.failure) throw this.failure;
        if (this.paceMs > 0) await setTimeout(this.paceMs, undefined, { signal }).catch(() => undefined);
        this.allowed--;
        yield word;
      }
    } finally {
      signal?.removeEventListener('abort', released);
    }
  }

  async complete(): Promise<object> {
    return Promise.resolve({ id: 'chatcmpl-1', choices: [{ index: 0, message: { content: TEXT } }] });
  }
}

/** Nodes that answer with the code of docs/LLM.md, word for word, and a front that loses connections. */
export class AnsweringNodes {
  readonly model = new Model();
  readonly nodes: Running[] = [];
  front!: CuttingFront;
  /** Where clients ask. */
  url!: string;

  /**
   * @param text what the block of docs/LLM.md has in it
   * @param redisUrl two nodes, on this Redis; without it one, with its memory
   */
  static async start(
    text: string,
    name: string,
    { redisUrl, platform = platforms[0]!, pages = [] }: { redisUrl?: string; platform?: Platform; pages?: Type[] } = {},
  ): Promise<AnsweringNodes> {
    const made = new AnsweringNodes();
    const controller = run('docs/LLM.md', text)[name] as Type;
    // What TypeScript has not emitted, as it would for a reader: his `Llm` is a class of his own.
    Reflect.defineMetadata('design:paramtypes', [SseBroadcaster, Llm], controller);
    @Module({ controllers: [controller, ...pages], providers: [{ provide: Llm, useValue: made.model }] })
    class AnswersModule {}
    for (let count = redisUrl ? 2 : 1; count > 0; count--) {
      const backplane = redisUrl ? new RedisBackplane({ url: redisUrl }) : undefined;
      const imports = [SseModule.forRoot({ backplane }), AnswersModule];
      made.nodes.push(await start(platform, { imports }, (app: INestApplication) => app.enableCors()));
    }
    made.front = new CuttingFront(made.nodes.map(({ url }) => url));
    made.url = await made.front.start();
    return made;
  }

  async stop(): Promise<void> {
    this.model.free();
    await this.front.stop();
    await Promise.all(this.nodes.map(({ app }) => app.close()));
  }
}

/** The specs of a client: with one node and its memory, and with two nodes on one Redis. */
export function describeNodes(
  client: string,
  [text, name]: readonly [text: string, name: string],
  specs: (nodes: () => AnsweringNodes) => void,
  page?: string,
): void {
  const run = (start: () => Promise<AnsweringNodes>) => {
    let nodes: AnsweringNodes;
    beforeAll(async () => void (nodes = await start()));
    beforeEach(() => nodes.model.free());
    afterAll(() => nodes.stop());
    specs(() => nodes);
  };
  const pages = async () => (page === undefined ? [] : [await bundledPage(page)]);
  describe(`${client}, on one node`, () => run(async () => AnsweringNodes.start(text, name, { pages: await pages() })));
  describeWith('redis-server', `${client}, on two nodes`, (path) => {
    let redis: RedisServer;
    beforeAll(async () => void (redis = await RedisServer.start(path)));
    run(async () => AnsweringNodes.start(text, name, { redisUrl: redis.url, pages: await pages() }));
    afterAll(() => redis.stop());
  });
}

/** Whether a text is a beginning of the answer: what a client has received, and not read, it drops when it loses the connection. */
export function isBeginning(text: string, words = WORDS.length): boolean {
  return WORDS.slice(0, Math.max(0, words)).join('').startsWith(text);
}

/** Where an answer of so many events is cut: before and after each of them, and in its middle. */
export function cutsOf(events: number, bytes = 30): { events: number; bytes: number }[] {
  return Array.from({ length: events }, (_, index) => [
    { events: index, bytes: 0 },
    { events: index, bytes },
  ])
    .flat()
    .concat({ events, bytes: 0 });
}
