import 'reflect-metadata';
import { Controller, Injectable, Logger, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import { Sse, SseBroadcaster, SseClient, SseConnections, SseModule, type SseConnection } from '../../lib/index.js';
import { Inspector } from '../../lib/inspector/inspector.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';
import { until } from '../support/until.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed/:user') feed(@SseClient() client: SseConnection) {
    client.context.userId = 'ada';
    return this.broadcaster.subscribe(['news', 'sports']);
  }
}

@Injectable()
class OperatorGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    return headers.operator === 'yes';
  }
}

const headers = { operator: 'yes' };

interface Node {
  open: number;
  isBackplaneUp: boolean;
  channelRows: { name: string; readers: number }[];
}
interface Table {
  found: number;
  rows: { id: string; route: string; tags: string; channels: string[]; lag: number }[];
}

/** Reads on to the next event of that type. */
async function next<T>(client: Client, type: string): Promise<T> {
  for (;;) {
    const event = await client.event();
    if (!event) throw new Error('the stream ended');
    if (event.event === type) return JSON.parse(event.data) as T;
  }
}

describe.each(platforms)('the inspector on $name', (platform) => {
  let running: Running;

  beforeEach(async () => {
    running = await start(
      platform,
      {
        imports: [SseModule.forRoot({ inspector: { path: 'internal/streams', guard: OperatorGuard } })],
        controllers: [Feeds],
      },
      (app) => {
        app.setGlobalPrefix('api');
        // As many applications have one.
        app.useGlobalInterceptors({
          intercept: (_: unknown, handler: { handle(): Observable<unknown> }) =>
            handler.handle().pipe(map((data: unknown) => ({ data }))),
        });
      },
    );
  });
  afterEach(() => running.app.close());

  const base = '/api/internal/streams';

  it('lets nobody in whom its guard does not, by any of its routes', async () => {
    for (const path of ['', '/inspector.js', '/inspector.css', '/events', '/tail?channel=news']) {
      await request(running)
        .get(base + path)
        .expect(403);
    }
    await request(running).delete(`${base}/connections/x`).expect(403);
  });

  it('serves a page with nothing inline and nothing of another host', async () => {
    const page = await request(running).get(base).set(headers).expect(200);
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': expect.stringContaining("default-src 'none'; script-src 'self'; style-src 'self'"),
    });
    expect(page.text).not.toMatch(/<script>|<style|style=|\son\w+=|https?:/);
    const loaded = [...page.text.matchAll(/(?:src|href)="(streams\/\S+)"/g)].map(([, path]) => path);
    expect(loaded).toEqual(['streams/inspector.css', 'streams/inspector.js']);
    for (const path of loaded) await request(running).get(`/api/internal/${path}`).set(headers).expect(200);
  });

  it('tells of the node, and of the connections that somebody looks for', async () => {
    const clients = [await open(running, '/api/feed/1'), await open(running, '/api/feed/2')];
    const viewer = await open(running, `${base}/events?q=ADA&sort=events`, { headers });
    const node = await next<Node>(viewer, 'node');
    expect(node).toMatchObject({ open: 3, isBackplaneUp: true });
    expect(node.channelRows).toMatchObject([
      { name: 'news', readers: 2 },
      { name: 'sports', readers: 2 },
    ]);
    const { found, rows } = await next<Table>(viewer, 'connections');
    expect(found).toBe(2);
    expect(rows).toMatchObject(
      Array(2).fill({ route: '/api/feed/:user', tags: 'userId=ada', channels: ['news', 'sports'], lag: 0 }),
    );
    for (const client of [...clients, viewer]) client.leave();
  });

  it('closes one connection, and says when there is none', async () => {
    const client = await open(running, '/api/feed/1');
    const viewer = await open(running, `${base}/events?q=feed`, { headers });
    const { rows } = await next<Table>(viewer, 'connections');
    await request(running).delete(`${base}/connections/${rows[0]!.id}`).set(headers).expect(204);
    await client.rest();
    await request(running).delete(`${base}/connections/${rows[0]!.id}`).set(headers).expect(404);
    viewer.leave();
  });

  it('goes on when a tag cannot be read, and reports it', async () => {
    const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const client = await open(running, '/api/feed/1');
    const { context } = [...running.app.get(SseConnections)][0]!;
    Object.defineProperty(context, 'broken', {
      enumerable: true,
      get: () => {
        throw new Error('a tag that throws');
      },
    });
    const viewer = await open(running, `${base}/events`, { headers });
    for (let n = 0; n < 2; n++) await next<Node>(viewer, 'node');
    expect(logged.mock.calls[0]).toEqual([expect.objectContaining({ message: 'a tag that throws' })]);
    logged.mockRestore();
    for (const one of [client, viewer]) one.leave();
  });

  it('shows what comes in a channel', async () => {
    const tail = await open(running, `${base}/tail?channel=news`, { headers });
    await tail.until(({ text }) => text !== '');
    await running.app.get(SseBroadcaster).publish('news', { type: 'created', data: { id: 7 } });
    expect(await tail.event()).toMatchObject({ event: 'created', data: '{"id":7}' });
    tail.leave();
  });

  it('computes nothing while nobody looks', async () => {
    const inspector = running.app.get<{ timer: unknown; viewers: Map<unknown, unknown> }>(Inspector);
    expect(inspector.timer).toBeUndefined();
    const viewer = await open(running, `${base}/events`, { headers });
    await next(viewer, 'node');
    expect(inspector.timer).toBeDefined();
    viewer.leave();
    await until(() => inspector.timer === undefined);
    expect(inspector.viewers.size).toBe(0);
  });
});

describe('the option inspector', () => {
  const platform = platforms[0]!;
  const serve = (inspector: unknown) =>
    start(platform, { imports: [SseModule.forRoot({ inspector: inspector as never })], controllers: [Feeds] });

  it('has no route when it is left out', async () => {
    const running = await serve(undefined);
    await request(running).get('/internal/streams').expect(404);
    await running.app.close();
  });

  it.each([
    [{ path: 'streams' }, 'inspector.guard'],
    [{ path: 'streams', guard: true }, 'inspector.guard'],
    [{ path: 'streams', guard: class NoGuard {} }, 'inspector.guard'],
    [{ path: '', guard: false }, 'inspector.path'],
    [{ path: 'a/:b', guard: false }, 'inspector.path'],
    [{ path: 'a', guard: false, other: 1 }, 'other'],
    [true, 'inspector'],
  ])('is refused at start-up when it is %j', async (inspector, name) => {
    await expect(serve(inspector)).rejects.toMatchObject({
      code: 'SSE_INVALID_OPTION',
      message: expect.stringContaining(name),
    });
  });

  it('lets everybody in when it is told to, and takes a guard that was made', async () => {
    const running = await serve({ path: '/streams', guard: false });
    await request(running).get('/streams').expect(200);
    await running.app.close();
    const guarded = await serve({ path: 'streams', guard: { canActivate: () => false } });
    await request(guarded).get('/streams').expect(403);
    await guarded.app.close();
  });

  it('stands beside the factory of forRootAsync(), and is refused of the factory', async () => {
    const inspector = { path: 'streams', guard: false } as const;
    const module = SseModule.forRootAsync({ inspector, useFactory: () => ({}) });
    const running = await start(platform, { imports: [module], controllers: [Feeds] });
    await request(running).get('/streams').expect(200);
    await running.app.close();
    const wrong = SseModule.forRootAsync({ useFactory: () => ({ inspector }) });
    await expect(start(platform, { imports: [wrong] })).rejects.toMatchObject({ code: 'SSE_INVALID_OPTION' });
  });
});
