import 'reflect-metadata';
import {
  Controller,
  Get,
  Injectable,
  Logger,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type ModuleMetadata,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { NEVER } from 'rxjs';
import { map } from 'rxjs/operators';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { Observers } from '../../lib/connection/observers.js';
import { Sse, SseModule, type SseConnection, type SseLimits, SseClient } from '../../lib/index.js';
import { open } from '../support/client.js';
import { intercept } from '../support/intercept.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { RecordingObserver } from '../support/recording-observer.js';
import { request } from '../support/request.js';
import { until } from '../support/until.js';

interface UserRequest {
  user?: string | undefined;
  readonly headers: Record<string, string | undefined>;
}

const guarded = jest.fn();
const handled = jest.fn();

@Injectable()
class UserGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    guarded();
    const incoming = context.switchToHttp().getRequest<UserRequest>();
    incoming.user = incoming.headers['x-user'];
    return true;
  }
}

@Controller()
class FeedController {
  @Sse('feed') feed(@SseClient() client: SseConnection) {
    handled();
    client.send({ data: 'hello' });
    return NEVER;
  }

  @Get('plain') plain() {
    return 'plain';
  }
}

@Controller('guarded')
@UseGuards(UserGuard)
class GuardedController extends FeedController {}

describe.each(platforms)('limits on $name', (platform) => {
  let running: Running | undefined;
  let registry: ConnectionRegistry;
  const observer = new RecordingObserver();
  const warned = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
  const errors = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  const use = async (limits: SseLimits, metadata: ModuleMetadata = {}): Promise<Running> => {
    for (const mock of [guarded, handled, warned, errors]) mock.mockClear();
    observer.forget();
    running = await start(platform, {
      imports: [SseModule.forRoot({ limits, ping: false })],
      controllers: [FeedController, GuardedController],
      ...metadata,
    });
    registry = running.app.get(ConnectionRegistry);
    running.app.get(Observers).add(observer);
    return running;
  };
  afterEach(async () => {
    await running?.app.close();
    running = undefined;
  });

  const opened = async (app: Running, path = '/feed', headers: Record<string, string> = {}) => {
    const client = await open(app, path, { headers });
    expect((await client.event())?.data).toBe('hello');
    return client;
  };

  const globalGuard = { providers: [{ provide: APP_GUARD, useClass: UserGuard }] };

  it.each<[string, string, ModuleMetadata, number]>([
    ['global guards', '/feed', globalGuard, 1],
    ['guards of the controller', '/guarded/feed', {}, 1],
    ['no guards', '/feed', {}, 0],
    [
      'a global guard and a global interceptor',
      '/feed',
      {
        providers: [...globalGuard.providers, { provide: APP_INTERCEPTOR, useValue: intercept(map((event) => event)) }],
      },
      1,
    ],
  ])('refuse by the total before anything has run: %s', async (_, path, metadata, guards) => {
    const app = await use({ maxConnections: 1, retryMs: { min: 5_000, max: 6_000 } }, metadata);
    const first = await opened(app, path);
    for (let i = 0; i < 3; i++) {
      const refused = await open(app, path);
      expect(await refused.rest()).toEqual([]);
      expect(refused.status).toBe(200);
      expect(refused.headers['content-type']).toBe('text/event-stream');
      expect(refused.retry).toBeGreaterThanOrEqual(5_000);
      expect(refused.retry).toBeLessThanOrEqual(6_000);
    }
    expect(guarded).toHaveBeenCalledTimes(guards);
    expect(handled).toHaveBeenCalledTimes(1);
    expect(observer.told.filter((fact) => fact === `refused ${path} over_limit`)).toHaveLength(3);
    expect(errors).not.toHaveBeenCalled();
    expect(warned).toHaveBeenCalledTimes(1);
    expect(warned).toHaveBeenCalledWith(`A request for a stream was refused: ${path} over_limit`);
    // Other routes are not limited.
    expect((await request(app).get('/plain').expect(200)).text).toBe('plain');
    first.leave();
    await until(() => registry.all.size === 0);
    (await opened(app, path)).leave();
  });

  it('refuse by a rate before anything has run', async () => {
    const app = await use({ openingsPerSecond: 1 }, globalGuard);
    const clients = await Promise.all(Array.from({ length: 20 }, () => open(app, '/feed')));
    const refused = observer.told.filter((fact) => fact === 'refused /feed over_limit').length;
    expect(refused).toBeGreaterThan(0);
    expect(guarded).toHaveBeenCalledTimes(20 - refused);
    expect(handled).toHaveBeenCalledTimes(20 - refused);
    for (const client of clients) client.leave();
  });

  it('refuse by an address before guards have run', async () => {
    const key = (incoming: unknown) => (incoming as UserRequest).headers['x-address'] ?? null;
    const app = await use({ perKey: { key, max: 1 } }, globalGuard);
    await opened(app, '/feed', { 'x-address': 'a' });
    const refused = await open(app, '/feed', { headers: { 'x-address': 'a' } });
    await refused.rest();
    expect(refused.retry).toBeGreaterThanOrEqual(30_000);
    expect([guarded.mock.calls.length, handled.mock.calls.length]).toEqual([1, 1]);
    await opened(app, '/feed', { 'x-address': 'b' });
    // Nobody's.
    await opened(app);
    await opened(app);
  });

  const byUser = (incoming: unknown) => (incoming as UserRequest).user ?? null;

  it.each<[string, ModuleMetadata]>([
    ['plain', globalGuard],
    [
      'intercepted',
      {
        providers: [...globalGuard.providers, { provide: APP_INTERCEPTOR, useValue: intercept(map((event) => event)) }],
      },
    ],
  ])('refuse by user before the handler is called: %s', async (_, metadata) => {
    const app = await use({ perKey: { key: byUser, max: 2 } }, metadata);
    const first = await opened(app, '/feed', { 'x-user': 'ada' });
    await opened(app, '/feed', { 'x-user': 'ada' });
    const refused = await open(app, '/feed', { headers: { 'x-user': 'ada' } });
    expect(await refused.rest()).toEqual([]);
    expect(refused.retry).toBeGreaterThanOrEqual(30_000);
    expect([guarded.mock.calls.length, handled.mock.calls.length]).toEqual([3, 2]);
    await opened(app, '/feed', { 'x-user': 'bob' });
    first.leave();
    await until(() => registry.all.size === 2);
    await opened(app, '/feed', { 'x-user': 'ada' });
  });

  it('end the oldest stream of a user instead, which is told to stay away for long', async () => {
    const app = await use({ perKey: { key: byUser, max: 1, evict: true } }, globalGuard);
    const oldest = await opened(app, '/feed', { 'x-user': 'ada' });
    const newest = await opened(app, '/feed', { 'x-user': 'ada' });
    expect(await oldest.rest()).toEqual([]);
    expect(oldest.retry).toBeGreaterThanOrEqual(30_000);
    await observer.until('closed /feed over_limit');
    expect(registry.all.size).toBe(1);
    newest.leave();
    await until(() => registry.all.size === 0);
  });

  it.each([429, 503] as const)('refuse with %s and Retry-After where that is asked for', async (status) => {
    const app = await use({ maxConnections: 1, refuseWith: status, retryMs: { min: 4_001, max: 4_001 } });
    await opened(app);
    const refused = await open(app, '/feed');
    await refused.rest();
    expect([refused.status, refused.headers['retry-after'], refused.text]).toEqual([status, '5', '']);
    expect(refused.headers['content-type']).toBeUndefined();
  });

  it('refuse while too many bytes wait for clients', async () => {
    const app = await use({ maxBufferedBytes: 1 });
    const first = await opened(app);
    const [connection] = registry.all;
    Object.defineProperty(connection, 'bufferedBytes', { value: 2 });
    // The sum holds for a moment.
    for (let isRefused = false; !isRefused;) {
      const client = await open(app, '/feed');
      isRefused = (await client.event()) === undefined;
      client.leave();
    }
    first.leave();
  });

  it('answer what a key throws by the exception filters', async () => {
    const app = await use(
      {
        perKey: {
          key: () => {
            throw new Error('no such user');
          },
          max: 1,
        },
      },
      globalGuard,
    );
    expect((await open(app, '/feed')).status).toBe(500);
    expect(errors.mock.calls.flat()).toContainEqual(expect.objectContaining({ message: 'no such user' }));
    expect(guarded).not.toHaveBeenCalled();
    await until(() => registry.all.size === 0);
  });

  const onSessions = async () => {
    const app = await use({ maxStreamsPerSession: 2 }, globalGuard);
    const sessions = [connect(app.url), connect(app.url)] as const;
    const ask = (session: ClientHttp2Session) =>
      new Promise<string>((resolve) => {
        const stream = session.request({ [constants.HTTP2_HEADER_PATH]: '/feed' });
        stream.setEncoding('utf8').once('data', resolve);
        stream.on('error', () => undefined);
      });
    const [one, other] = sessions;
    expect(await ask(one)).toContain('hello');
    expect(await ask(one)).toContain('hello');
    expect(await ask(one)).toMatch(/^retry: \d+\n\n$/);
    expect(await ask(other)).toContain('hello');
    expect(guarded).toHaveBeenCalledTimes(3);
    for (const session of sessions) session.destroy();
    await until(() => registry.all.size === 0);
  };
  if (platform.http2) it('refuse the streams of one session that are too many', onSessions);
});
