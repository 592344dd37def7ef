import 'reflect-metadata';
import { Controller, Logger } from '@nestjs/common';
import { of } from 'rxjs';
import { Sse, SseEvent, SseModule, SseResponse } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

/** As an SDK of a language model streams it: a `type` of its own, and no `data`. */
const chunk = { type: 'content_block_delta', index: 0, delta: { text: 'Hi' } };
const row = { id: 7, type: 'invoice' };

@Controller()
class ValuesController {
  @Sse('route', { as: 'data' }) async *route() {
    yield chunk;
    yield row;
    yield { data: 1 };
    yield [1, 2];
    yield null;
    yield 'text';
    yield new SseEvent({ n: 1 }, { type: 'own', id: 7 });
  }
  @Sse('answer') answer() {
    return new SseResponse(of(chunk), { as: 'data' });
  }
  @Sse('event', { as: 'event' }) event() {
    return of({ type: 'a', data: 'b' });
  }
  @Sse('module') module() {
    return of(row);
  }
}

describe.each(platforms)('values of a source on $name', (platform) => {
  let running: Running;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  const begin = async (options: Parameters<typeof SseModule.forRoot>[0]) =>
    (running = await start(platform, { imports: [SseModule.forRoot(options)], controllers: [ValuesController] }));
  const eventsOf = async (path: string) =>
    (await (await open(running, path)).rest()).map(({ event, data }) => [event, data]);
  afterEach(() => running.app.close());

  it("are all data with the route's option as: 'data', but for an SseEvent", async () => {
    await begin({});
    expect(await eventsOf('/route')).toEqual([
      [undefined, JSON.stringify(chunk)],
      [undefined, JSON.stringify(row)],
      [undefined, '{"data":1}'],
      [undefined, '[1,2]'],
      [undefined, 'null'],
      [undefined, 'text'],
      ['own', '{"n":1}'],
    ]);
  });

  it('are all data with the option of one answer', async () => {
    await begin({});
    expect(await eventsOf('/answer')).toEqual([[undefined, JSON.stringify(chunk)]]);
  });

  it("are all data with the module's option, and events again where a route says so", async () => {
    await begin({ as: 'data' });
    expect(await eventsOf('/module')).toEqual([[undefined, JSON.stringify(row)]]);
    expect(await eventsOf('/event')).toEqual([['a', 'b']]);
  });

  it('are refused when they are records and nobody has said so, and the error names the option', async () => {
    await begin({});
    logged.mockClear();
    const client = await open(running, '/module');
    expect(client.status).toBe(500);
    client.leave();
    expect(logged.mock.calls.flat()).toContainEqual(
      expect.objectContaining({ code: 'SSE_INVALID_EVENT', message: expect.stringContaining("as: 'data'") }),
    );
  });
});
