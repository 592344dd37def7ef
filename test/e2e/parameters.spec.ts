import 'reflect-metadata';
import { Controller, Get, Param } from '@nestjs/common';
import { of } from 'rxjs';
import {
  LastEventId,
  Sse,
  SseClient,
  SseConnections,
  SseModule,
  SseQueue,
  SseSignal,
  type SseCloseReason,
  type SseConnection,
} from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

const facts = new Facts();

@Controller()
class ParametersController {
  @Sse('last') last(@LastEventId() id: string | undefined, @SseClient() client: SseConnection) {
    return of({ data: { id, same: client.lastEventId === id } });
  }

  @Sse('signal') async *signal(@SseSignal() signal: AbortSignal) {
    facts.tell(signal.aborted);
    try {
      yield 'hi';
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      facts.tell((signal.reason as SseCloseReason).code);
    } finally {
      facts.tell('released');
    }
  }

  @Sse('order') order(@SseSignal() signal: AbortSignal) {
    signal.addEventListener('abort', () => facts.tell('aborted'));
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: () => {
          facts.tell('released');
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
  }

  @Sse('client/:name') client(@Param('name') name: string, @SseClient() client: SseConnection) {
    client.context.name = name;
    facts.tell(client.openedAt);
    facts.tell(client.send({ type: 'welcome', data: name }));
    facts.tell(typeof client.openedAt);
    return of('from the source');
  }

  @Sse('later') async later(@SseClient() client: SseConnection) {
    client.send('first');
    await facts.until('first arrived');
    client.comment('still here');
    client.send('second');
    return ['from the source'];
  }

  @Sse('queue') queue(@SseClient() client: SseConnection) {
    const queue = new SseQueue();
    client.send('greeting');
    void queue.send('queued').then(() => queue.close());
    return queue;
  }

  @Sse('null-after-send') nullAfterSend(@SseClient() client: SseConnection) {
    client.send('only');
    return null;
  }

  @Get('plain') plain(@SseClient() client: SseConnection) {
    return client;
  }
}

class PlainController {
  @Sse() source(a: unknown, b: unknown = 'default') {
    return [a, b];
  }
}

describe.each(platforms)('parameters on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [ParametersController] });
  });
  beforeEach(() => facts.forget());
  afterAll(() => running.app.close());

  describe('@LastEventId()', () => {
    const idOf = async (path: string, id?: string) => {
      const client = await open(running, path, id === undefined ? {} : { headers: { 'last-event-id': id } });
      const { id: seen, same } = JSON.parse((await client.event())?.data ?? '{}') as { id?: string; same: boolean };
      expect(same).toBe(true);
      return seen;
    };

    it.each([
      ['the header', '/last', '42', '42'],
      ['the header as UTF-8', '/last', Buffer.from('é✓').toString('latin1'), 'é✓'],
      ['the query', '/last?lastEventId=7', undefined, '7'],
      ['the query in snake case', '/last?last_event_id=8', undefined, '8'],
      ['the query as UTF-8', `/last?lastEventId=${encodeURIComponent('é✓')}`, undefined, 'é✓'],
      ['the header before the query', '/last?lastEventId=7', '42', '42'],
      ['the query when the header is empty', '/last?lastEventId=7', '', '7'],
      ['the first of a repeated parameter', '/last?lastEventId=1&lastEventId=2', undefined, '1'],
      ['the header whole, however hostile', '/last', '../../etc/passwd; DROP TABLE', '../../etc/passwd; DROP TABLE'],
      ['bytes that are no UTF-8 as U+FFFD', '/last', '\xff\xfe', '\ufffd\ufffd'],
    ])('is %s', async (_, path, id, expected) => {
      expect(await idOf(path, id)).toBe(expected);
    });

    it('is undefined when there is none', async () => {
      expect(await idOf('/last')).toBeUndefined();
      expect(await idOf('/last?lastEventId=')).toBeUndefined();
      expect(await idOf('/last?lastEventId[a]=1')).toBeUndefined();
    });
  });

  describe('@SseSignal()', () => {
    it('is aborted with the reason when the client leaves', async () => {
      const client = await open(running, '/signal');
      await client.event();
      client.leave();
      await facts.until('released');
      expect(facts.told).toEqual([false, 'client_left', 'released']);
    });

    it('is aborted before the source is released', async () => {
      const client = await open(running, '/order');
      client.leave();
      await facts.until('released');
      expect(facts.told).toEqual(['aborted', 'released']);
    });
  });

  describe('@SseClient()', () => {
    it('is the connection: it can be tagged, and sends before the source does', async () => {
      const client = await open(running, '/client/ada');
      expect((await client.rest()).map(({ event, data }) => [event, data])).toEqual([
        ['welcome', 'ada'],
        [undefined, 'from the source'],
      ]);
      expect(facts.told).toEqual([undefined, true, 'number']);
    });

    it('sends while the handler is still running', async () => {
      const client = await open(running, '/later');
      expect(await client.event()).toMatchObject({ data: 'first' });
      facts.tell('first arrived');
      expect((await client.rest()).map(({ data }) => data)).toEqual(['second', 'from the source']);
      expect(client.comments).toEqual(['still here']);
    });

    it('sends beside a source that pushes by itself', async () => {
      expect((await (await open(running, '/queue')).rest()).map(({ data }) => data)).toEqual(['greeting', 'queued']);
    });

    it('turns the 204 of null, which comes too late, into the end of the stream', async () => {
      const client = await open(running, '/null-after-send');
      expect((await client.rest()).map(({ data }) => data)).toEqual(['only']);
      expect(client.status).toBe(200);
    });

    it('says where it works when it is used elsewhere', () => request(running).get('/plain').expect(500));
  });

  it('are the caller’s when a unit test calls the method, which returns what it returns', () => {
    const controller = running.app.get(ParametersController);
    const client = { context: {}, openedAt: undefined, send: () => true } as unknown as SseConnection;
    const source = controller.client('ada', client);
    expect(typeof source.subscribe).toBe('function');
    expect(client.context).toEqual({ name: 'ada' });
    expect(running.app.get(SseConnections).size).toBe(0);
    const plain = new PlainController();
    expect(plain.source(1)).toEqual([1, 'default']);
    expect(plain.source(1, 2)).toEqual([1, 2]);
  });
});
