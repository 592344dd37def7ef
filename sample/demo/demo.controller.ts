import { Body, Controller, Get, Logger, RequestMethod } from '@nestjs/common';
import {
  LastEventId,
  Sse,
  SseClient,
  SseConnection,
  SseResponse,
  SseSignal,
  type SseEventInit,
  type SseEventLike,
} from 'nestjs-event-stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { concat, interval, map, of, share, type Observable } from 'rxjs';

/** One handler for each panel of the page, each returning another kind of source. */
@Controller()
export class DemoController {
  private visitors = 0;
  private readonly prices = new Map([
    ['NEST', history(182)],
    ['NODE', history(96)],
    ['RXJS', history(41)],
    ['FLUX', history(268)],
  ]);
  /** One market for all who watch; it sleeps when nobody does. */
  private readonly quotes = interval(400).pipe(
    map(() => this.trade()),
    share(),
  );

  /**
   * A browser takes the end of a stream for an accident and comes back. Two ways to say that this was all: an event by
   * which the page knows (`done`), and `null`, which is 204 No Content, when it comes back nevertheless.
   */
  @Sse('numbers', { retryMs: 600 })
  numbers(@LastEventId() lastEventId = '0'): AsyncIterable<SseEventLike> | null {
    const next = Number(lastEventId) + 1;
    return next > 5 ? null : count(next);
  }

  /** Endless: it costs nothing from the moment that its client leaves. */
  @Sse('counter')
  counter(@SseClient() client: SseConnection): SseResponse {
    const visitor = ++this.visitors;
    Logger.log(`client ${visitor} started counting`, 'Counter');
    return new SseResponse(interval(200), {
      onClose: ({ code, reason }) =>
        Logger.log(`client ${visitor} is gone after ${client.eventsSent} frames: ${reason} (${code})`, 'Counter'),
    });
  }

  /** What the page listens to by name: `source.addEventListener('update', …)`. */
  @Sse('named')
  async *named(@SseSignal() signal: AbortSignal): AsyncIterable<SseEventLike> {
    yield { type: 'welcome', data: { text: 'Good to see you. Updates follow.' } };
    for (let n = 1; ; n++) {
      await sleep(800, undefined, { signal });
      if (n % 3 === 0) yield { type: 'notification', data: { text: `Order ${1000 + n} was shipped` } };
      else yield { type: 'update', data: { text: `${40 + ((n * 7) % 23)} people are online` } };
    }
  }

  /** The last minute at once, so that the chart is not empty, and then every trade. */
  @Sse('stocks')
  stocks(): Observable<SseEventInit> {
    return concat(of({ type: 'history', data: Object.fromEntries(this.prices) }), this.quotes);
  }

  /** A long task that tells how far it is. */
  @Sse('progress')
  async *progress(@SseSignal() signal: AbortSignal): AsyncIterable<SseEventLike> {
    for (let percent = 0; percent < 100; percent += 1 + Math.floor(Math.random() * 4)) {
      const step = ['Uploading', 'Scanning', 'Resizing', 'Publishing'][Math.floor(percent / 25)];
      yield { type: 'progress', data: { percent, step } };
      await sleep(60, undefined, { signal });
    }
    yield { type: 'done', data: { percent: 100, step: 'Published' } };
  }

  /** An answer, token by token. It ends with its request: nobody pays for tokens that nobody reads. */
  @Sse('tokens', { method: RequestMethod.POST, done: '[DONE]' })
  async *tokens(@Body() body: { prompt?: string }, @SseSignal() signal: AbortSignal): AsyncIterable<SseEventLike> {
    let spent = 0;
    try {
      for (const token of answerTo(String(body.prompt ?? ''))) {
        await sleep(45, undefined, { signal });
        yield { data: { token } };
        spent++;
      }
    } finally {
      Logger.log(`${spent} tokens, ${signal.aborted ? 'then the client stopped it' : 'to the end'}`, 'Tokens');
    }
  }

  /** A frame of every kind. */
  @Sse('wire')
  async *wire(@SseSignal() signal: AbortSignal): AsyncIterable<SseEventLike> {
    const events: SseEventLike[] = [
      { comment: 'a comment: people see it, listeners do not' },
      'plain text',
      { data: { total: 19.9, paid: true } },
      { type: 'order', id: 'order-7', data: { total: 19.9, paid: true } },
      'data of three lines:\nroses are red\nviolets are blue',
      'any language: Grüße, Καλημέρα, Привет',
      { retry: 2_000 },
      { type: 'bell' },
    ];
    for (const event of events) {
      yield event;
      await sleep(250, undefined, { signal });
    }
  }

  /** Plain JSON: nothing until the last row is there. */
  @Get('large-response')
  async largeResponse(): Promise<Row[]> {
    const all: Row[] = [];
    for await (const row of rows()) all.push(row);
    return all;
  }

  /** The same rows, each as soon as it is there. */
  @Sse('large-stream', { done: '[DONE]' })
  async *largeStream(): AsyncIterable<SseEventLike> {
    for await (const row of rows()) yield { data: row };
  }

  private trade(): SseEventInit {
    const symbols = [...this.prices.keys()];
    const quotes = symbols.map((symbol) => {
      const prices = this.prices.get(symbol)!;
      const price = nextPrice(prices.at(-1)!);
      prices.push(price);
      prices.shift();
      return { symbol, price };
    });
    return { type: 'quotes', data: quotes };
  }
}

async function* count(from: number): AsyncIterable<SseEventLike> {
  for (let n = from; n <= 5; n++) {
    yield { id: n, data: n };
    await sleep(400);
  }
  yield { type: 'done', data: 'that was all' };
}

interface Row {
  id: number;
  customer: string;
  total: number;
}

/** A query that takes a second and a half for all of its rows, and no time at all for the first. */
async function* rows(): AsyncIterable<Row> {
  for (let id = 1; id <= 300; id++) {
    yield { id, customer: `Customer ${id}`, total: Math.round(id * 317.7) / 100 };
    await sleep(4);
  }
}

function history(price: number): number[] {
  return Array.from({ length: 60 }, () => (price = nextPrice(price)));
}

function nextPrice(price: number): number {
  return Math.round(price * (1 + (Math.random() - 0.495) * 0.012) * 100) / 100;
}

function answerTo(prompt: string): string[] {
  const answer = `You asked: “${prompt.trim() || 'nothing'}”. A real model would think now; this one only shows how its \
tokens travel. Each is one event on a POST response, read with fetch() and a parser of twenty lines. The generator on \
the server waits while you do not read, and when you press Stop its finally block runs at once: no token is computed \
that nobody will see. Look at the server log.`;
  return answer.match(/\s*\S{1,6}/g) ?? [];
}
