// Checked by `npm run typecheck`, never run: each handler after a directive must fail to compile.
import { applyDecorators, Header, Res } from '@nestjs/common';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { interval, of, type Observable } from 'rxjs';
import {
  Sse,
  SseQueue,
  SseResponse,
  SseStream,
  type SseBroadcaster,
  type SseEventInit,
  type SseJsonAnswer,
  type SseSubscription,
} from '../../lib/index.js';

declare const broadcaster: SseBroadcaster;

/** Decorators of one's own are made of others. */
const Feed = (path: string) => applyDecorators(Sse(path), Header('X-Feed', path));

export class AllowedHandlers {
  @Sse() observable() {
    return interval(1).pipe();
  }
  @Sse() typedObservable(): Observable<SseEventInit<{ n: number }>> {
    return of({ data: { n: 1 } });
  }
  @Sse() foreignObservable() {
    return { subscribe: (observer: { next(value: unknown): void }) => observer.next(1) };
  }
  @Sse() array() {
    return ['a', { data: 1 }];
  }
  @Sse() *generator() {
    yield 1;
  }
  @Sse() async *asyncGenerator() {
    yield { type: 'a', data: 1 };
  }
  @Sse() readable() {
    return Readable.from(['a']);
  }
  @Sse() webStream() {
    return new ReadableStream<string>();
  }
  @Sse() async body() {
    return (await fetch('http://localhost')).body;
  }
  @Sse() stream() {
    return new SseStream(['a']);
  }
  @Sse() queue() {
    return new SseQueue<{ n: number }>();
  }
  @Sse() subscription(): SseSubscription {
    return broadcaster.subscribe('a');
  }
  @Sse() response(stream: boolean): SseResponse | SseJsonAnswer {
    return stream ? new SseResponse(of(1)) : SseResponse.json({});
  }
  @Sse() noContent() {
    return null;
  }
  @Sse() async promise(known: boolean) {
    return known ? broadcaster.subscribe('a') : null;
  }
  @Sse() promiseOrNot(later: boolean): Observable<number> | Promise<SseStream> | null {
    return later ? Promise.resolve(new SseStream()) : of(1);
  }
  @Sse() any() {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-return -- any is the point
    return JSON.parse('[]');
  }
  @Sse() unknown(): unknown {
    return [];
  }
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- any is the point
  @Sse() async promiseOfAny(): Promise<any> {
    return [];
  }
  @Sse() never(): never {
    throw new Error('no');
  }
  @Sse() generic<T>(value: T): Observable<T> {
    return of(value);
  }
  @Sse() byHand(@Res() response: { end(): void }) {
    response.end();
  }
  @Feed('feed') composed() {
    return of(1);
  }
  @Sse() static inherited() {
    return of(1);
  }
}

export class RefusedHandlers {
  // @ts-expect-error a number
  @Sse() number() {
    return 5;
  }
  // @ts-expect-error text, which can be iterated by its letters
  @Sse() text() {
    return 'text';
  }
  // @ts-expect-error a promise of a number
  @Sse() async promise() {
    return 5;
  }
  // @ts-expect-error one event, which is no source of events
  @Sse() event() {
    return { type: 'a', data: 1 };
  }
  // @ts-expect-error in some cases a boolean
  @Sse() sometimes(known: boolean) {
    return known ? of(1) : false;
  }
  // @ts-expect-error what makes a source
  @Sse() maker() {
    return () => of(1);
  }
}
