import { Controller, Get, Header, Req, ServiceUnavailableException } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { IncomingMessage } from 'node:http';
import { BehaviorSubject, concat, defer, filter, firstValueFrom, NEVER, of, Subject, type Observable } from 'rxjs';
import { LastEventId, Sse, SseModule, type SseEventInit, type SseEventLike } from '../../lib/index.js';
import type { Platform, Running } from '../support/platforms.js';

/** The application that real clients are pointed at. */
@Controller()
export class LiveController {
  /** What `/live` sends next: nobody, and no buffer, can know it before. */
  readonly next = new Subject<SseEventLike>();
  private readonly joined = new BehaviorSubject(0);
  /** The requests so far, each with the position that it came with. */
  readonly requests: { path: string; lastEventId: string | undefined }[] = [];

  requestsOf(path: string): (string | undefined)[] {
    return this.requests.filter((request) => request.path === path).map(({ lastEventId }) => lastEventId);
  }

  /** Resolves when so many clients, since the start, hear what `next` says. */
  async listeners(count: number): Promise<void> {
    await firstValueFrom(this.joined.pipe(filter((joined) => joined >= count)));
  }

  /** A page of this origin, for a browser to run scripts in. */
  @Get()
  @Header('Content-Type', 'text/html')
  page(): string {
    return '<!doctype html><title>live</title><link rel="icon" href="data:,">';
  }

  /** Says hello, so that a client knows that it is subscribed, and then what a test says. */
  @Sse('live')
  live(@Req() request: IncomingMessage, @LastEventId() lastEventId?: string): Observable<SseEventLike> {
    this.note(request, lastEventId);
    return this.helloAndNext();
  }

  @Sse('named')
  named(): Observable<SseEventInit> {
    const events = [
      { type: 'welcome', data: { user: 'Ann' } },
      { type: 'update', id: 'ünï-✓', data: 'two\nlines' },
      { data: 'Grüße, 世界 👋' },
      { comment: 'nobody hears this' },
      { type: 'bell' },
      { type: 'done', data: '' },
    ];
    return concat(of(...events), NEVER);
  }

  /** Two events a visit, four in all; then it tells the client not to come back. */
  @Sse('visits', { retryMs: 10 })
  visits(@Req() request: IncomingMessage, @LastEventId() lastEventId?: string): SseEventInit[] | null {
    this.note(request, lastEventId);
    const seen = Number(lastEventId ?? 0);
    return seen >= 4 ? null : [1, 2].map((n) => ({ id: seen + n, data: `visit ${seen + n}` }));
  }

  /** Ids that a client must carry back byte for byte. */
  @Sse('strange-id', { retryMs: 10 })
  strangeId(@Req() request: IncomingMessage, @LastEventId() lastEventId?: string): SseEventInit[] | null {
    this.note(request, lastEventId);
    return lastEventId === undefined ? [{ id: 'ünï-✓-世', data: 'once' }] : null;
  }

  @Sse('busy', { retryMs: 10 })
  busy(@Req() request: IncomingMessage, @LastEventId() lastEventId?: string): never {
    this.note(request, lastEventId);
    throw new ServiceUnavailableException('not now');
  }

  /** Says nothing. */
  @Sse('silent', { ping: { intervalMs: 2_100 } })
  silent(): Observable<never> {
    return NEVER;
  }

  /** Says nothing, not even that it is there. */
  @Sse('mute', { ping: false })
  mute(): Observable<never> {
    return NEVER;
  }

  /** The same as `/live`, with no word to proxies. */
  @Sse('without-hint', { headers: { 'X-Accel-Buffering': null } })
  withoutHint(): Observable<SseEventLike> {
    return this.helloAndNext();
  }

  private helloAndNext(): Observable<SseEventLike> {
    const joining = defer(() => {
      queueMicrotask(() => this.joined.next(this.joined.value + 1));
      return this.next;
    });
    return concat(of('hello'), joining);
  }

  private note(request: IncomingMessage, lastEventId: string | undefined): void {
    this.requests.push({ path: request.url ?? '', lastEventId });
  }
}

export interface LiveApp extends Running {
  readonly live: LiveController;
}

/** @param port where to listen; a free port by default */
export async function startLiveApp(platform: Platform, port = 0): Promise<LiveApp> {
  const module = await Test.createTestingModule({
    imports: [SseModule.forRoot({ shutdown: { retryMs: { min: 20, max: 60 } } })],
    controllers: [LiveController],
  }).compile();
  const app = module.createNestApplication(platform.adapter() as never, { logger: false });
  // Pages of another origin may listen too.
  app.enableCors();
  await app.listen(port, '127.0.0.1');
  return { app, url: await app.getUrl(), http2: platform.http2, live: app.get(LiveController) };
}
