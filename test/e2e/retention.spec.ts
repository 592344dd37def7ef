import 'reflect-metadata';
import { Controller, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { NEVER, of } from 'rxjs';
import { startWith } from 'rxjs/operators';
import { StreamRequest } from '../../lib/http/stream-request.js';
import {
  Sse,
  SseClient,
  SseConnections,
  SseModule,
  SseQueue,
  SseResponse,
  type SseConnection,
} from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { collectGarbage } from '../support/collect-garbage.js';
import { platforms, start, type Running } from '../support/platforms.js';

/** What must not outlive the commit of the headers, by the path of its request and its name. */
const refs = new Map<string, WeakRef<object>>();
let path = '';
const follow = <T extends object>(name: string, object: T): T => {
  refs.set(`${path}: ${name}`, new WeakRef(object));
  return object;
};

const Followed = createParamDecorator((_: unknown, context: ExecutionContext) => {
  follow('the execution context of a parameter', context);
  return follow('an argument of the handler', { large: 'object' });
});

// By hand: jest's spies keep what they are called with.
const { commit } = StreamRequest.prototype;
StreamRequest.prototype.commit = function (this: StreamRequest) {
  return commit.call(follow('the request', this));
};

@Controller()
class LongController {
  @Sse('observable') observable(@Followed() _: unknown) {
    return NEVER.pipe(startWith('hi'));
  }

  @Sse('promised') async promised(@Followed() _: unknown) {
    return this.observable(_);
  }

  @Sse('queue') queue(@Followed() _: unknown) {
    const queue = new SseQueue();
    void queue.send('hi');
    return queue;
  }

  @Sse('response', { commit: 'firstEvent' }) response(@Followed() _: unknown) {
    return new SseResponse(this.observable(_), { headers: { 'x-a': 'b' }, onClose: () => undefined });
  }

  @Sse('silent') silent(@Followed() _: unknown, @SseClient() client: SseConnection) {
    setTimeout(() => client.send('hi'), 5);
    return NEVER;
  }

  @Sse('early') early(@Followed() _: unknown, @SseClient() client: SseConnection) {
    client.send('hi');
    return NEVER;
  }

  @Sse('marker') marker() {
    return of('done');
  }
}

describe.each(platforms)('after the headers, on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [LongController] });
  });
  afterAll(() => running.app.close());

  it('nothing of a request is kept by its connection', async () => {
    const clients: Client[] = [];
    for (path of ['/observable', '/promised', '/queue', '/response', '/silent', '/early']) {
      const client = await open(running, path);
      await client.event();
      clients.push(client);
    }
    expect([...refs.keys()].filter((key) => key.startsWith('/early: ')).sort()).toEqual([
      '/early: an argument of the handler',
      '/early: the execution context of a parameter',
      '/early: the request',
    ]);
    // Whatever the last request left behind in caches is another request's now.
    const followed = new Map(refs);
    await (await open(running, '/marker')).rest();
    await collectGarbage();
    const alive = [...followed].filter(([, ref]) => ref.deref() !== undefined).map(([key]) => key);
    expect(alive).toEqual([]);

    expect(running.app.get(SseConnections).size).toBe(clients.length);
    for (const client of clients) client.leave();
  });
});
