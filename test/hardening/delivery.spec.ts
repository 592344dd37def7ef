import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { from, of } from 'rxjs';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { Sse, SseClient, SseModule, SseResponse, type SseConnection } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

const MB = 1_048_576;
const TOTAL = 50 * MB;
const EVENTS = 50_000;
/** Every event is another one, so that a swap is seen as well as a loss. */
const texts = Array.from({ length: EVENTS }, (_, n) => String(n).padStart(TOTAL / EVENTS - 'data: \n\n'.length, '.'));
const body = (events: string[]) => events.map((text) => `data: ${text}\n\n`).join('');
const whole = '0123456789abcdef'.repeat(TOTAL / 16);

@Controller()
class Ends {
  @Sse('one') *one() {
    yield whole;
  }
  @Sse('pushed', { buffer: { maxBytes: 1 } }) pushed() {
    return of(whole);
  }
  @Sse('iterable') iterable() {
    return texts;
  }
  @Sse('observable', { buffer: { maxBytes: 2 * TOTAL } }) observable() {
    return from(texts);
  }
  @Sse('done', { done: '[DONE]', buffer: { maxBytes: 2 * TOTAL } }) done() {
    return from(texts);
  }
  @Sse('sent', { buffer: { maxBytes: 2 * TOTAL } }) sent(@SseClient() client: SseConnection) {
    return new SseResponse(
      (async function* () {
        yield texts[0];
        for (const text of texts.slice(1)) client.send(text);
      })(),
    );
  }
  @Sse('failed', { buffer: { maxBytes: 2 * TOTAL } }) async *failed() {
    yield* texts;
    throw new Error('at the very end');
  }
}

const cases: [path: string, expected: () => string, code: string][] = [
  ['one', () => body([whole]), 'source_completed'],
  ['pushed', () => body([whole]), 'source_completed'],
  ['iterable', () => body(texts), 'source_completed'],
  ['observable', () => body(texts), 'source_completed'],
  ['done', () => body([...texts, '[DONE]']), 'source_completed'],
  ['sent', () => body(texts), 'source_completed'],
  ['failed', () => `${body(texts)}event: error\ndata: Internal server error\n\n`, 'source_failed'],
];

describe.each(platforms)('50 MB right before the end, over a link that stalls, on $name', (platform) => {
  let running: Running;
  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot({ ping: false })], controllers: [Ends] });
  });
  afterAll(() => running.app.close());

  it.each(cases)('delivers all of /%s, then ends cleanly', async (path, expected, code) => {
    const client = await open(running, `/${path}`);
    const [connection] = running.app.get(ConnectionRegistry).all;
    if (!connection) throw new Error('no connection');
    // The link stalls: everything that moves is what the buffers of the kernel take. A source that cannot wait has ended
    // by then, one that can is waiting.
    await until(() => connection.state === 'closing' || !connection.isWritable);
    expect(connection.bufferedBytes).toBeGreaterThan(0);
    let length = 0;
    const pieces: string[] = [];
    let stalls = 0;
    for await (const piece of client.body as AsyncIterable<string>) {
      pieces.push(piece);
      length += piece.length;
      // It stalls once more, ten times on the way, until the server has handed over all that it can.
      if (length > ((stalls + 1) * TOTAL) / 10 && stalls < 9) {
        stalls++;
        const stuck = connection.bytesSent;
        await new Promise((resolve) => setImmediate(resolve));
        await until(() => connection.state === 'closed' || !connection.isWritable || connection.bytesSent >= stuck);
      }
    }
    const received = pieces.join('');
    expect(received.length).toBe(expected().length);
    expect(received === expected()).toBe(true);
    expect(await connection.closed).toMatchObject({ code });
    expect(connection.eventsDropped).toBe(0);
  });
});
