import 'reflect-metadata';
import { Controller, Get, Logger, Sse as NestSse, UseInterceptors } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { map } from 'rxjs/operators';
import { SseBroadcaster, SseModule } from '../../lib/index.js';
import { intercept } from '../support/intercept.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { request } from '../support/request.js';

@Controller()
class MisplacedController {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Get('get') get(): unknown {
    return this.broadcaster.subscribe('news');
  }

  @Get('get-async') async getAsync(): Promise<unknown> {
    return this.broadcaster.subscribe('news');
  }

  @NestSse('nest') nest(): Observable<never> {
    return this.broadcaster.subscribe('news') as never;
  }

  @NestSse('nest-intercepted') @UseInterceptors(intercept(map((event) => event))) nestIntercepted(): Observable<never> {
    return this.broadcaster.subscribe('news') as never;
  }
}

describe.each(platforms)('a subscription that is returned elsewhere, on $name', (platform) => {
  let running: Running;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [MisplacedController] });
  });
  beforeEach(() => logged.mockClear());
  afterAll(() => running.app.close());

  // Behind an interceptor Nest 11 takes what is no Observable for an event, and sent nothing of it.
  it.each(['/get', '/get-async', '/nest', '/nest-intercepted'])(
    'fails, shows nothing of itself, and says in the log what to do: %s',
    async (path) => {
      const { text } = await request(running).get(path).expect(500);
      expect(text).not.toContain('news');
      expect(logged.mock.calls.flat()).toContainEqual(
        expect.objectContaining({
          code: 'SSE_NOT_CONFIGURED',
          message: expect.stringContaining('Return it from a method with @Sse() of nestjs-event-stream') as string,
        }),
      );
    },
  );
});
