import { Logger } from '@nestjs/common';
import type { SseConnection } from '../connection/sse-connection.js';
import { SseError } from '../protocol/sse-error.js';
import { LogListener } from './log-listener.js';

describe('what is logged', () => {
  let log: LogListener;
  let lines: unknown[];
  const feed = { route: '/feed' } as SseConnection;

  beforeEach(() => {
    jest.useFakeTimers();
    lines = [];
    for (const level of ['warn', 'log', 'error'] as const) {
      jest.spyOn(Logger.prototype, level).mockImplementation((...args: unknown[]) => void lines.push(args[0]));
    }
    log = new LogListener();
  });
  afterEach(() => {
    log.onApplicationShutdown();
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  it('is one line of a burst of refusals at once, and one with the counts of the others', () => {
    for (let i = 0; i < 500; i++) log.refused('/feed', 'too_many_waiting');
    for (let i = 0; i < 3; i++) log.refused('/news', 'server_closing');
    expect(lines).toEqual(['A request for a stream was refused: /feed too_many_waiting']);
    jest.advanceTimersByTime(10_000);
    expect(lines.slice(1)).toEqual([
      '502 more requests for streams were refused: /feed too_many_waiting 499, /news server_closing 3',
    ]);
  });

  it('is one line in ten seconds while it goes on, and the next burst begins anew', () => {
    log.refused('/feed', 'kicked');
    for (let second = 0; second < 20; second++) {
      log.refused('/feed', 'kicked');
      jest.advanceTimersByTime(1_000);
    }
    expect(lines.slice(1)).toEqual(Array(2).fill('10 more requests for streams were refused: /feed kicked 10'));
    jest.advanceTimersByTime(10_000);
    log.refused('/feed', 'kicked');
    expect(lines.slice(3)).toEqual(['A request for a stream was refused: /feed kicked']);
  });

  it('is nothing of what the application answers by itself, nor of clients that leave', () => {
    for (const code of ['source_completed', 'source_failed', 'client_left'] as const) log.refused('/feed', code);
    for (const code of ['source_completed', 'client_left', 'server_closing', 'kicked'] as const) {
      log.closed(feed, { code, reason: '' });
    }
    expect(lines).toEqual([]);
  });

  it('is each kind of client that does not keep up', () => {
    log.dropped(feed);
    for (let i = 0; i < 3; i++) log.closed(feed, { code: 'slow_client', reason: '' });
    log.closed(feed, { code: 'write_timeout', reason: '' });
    jest.advanceTimersByTime(10_000);
    expect(lines).toEqual([
      'A client does not keep up: /feed dropped',
      '4 more clients do not keep up: /feed slow_client 3, /feed write_timeout 1',
    ]);
  });

  it('is the counts so far when the application closes', () => {
    log.draining(812);
    for (let i = 0; i < 3; i++) log.refused('/feed', 'server_closing');
    log.onApplicationShutdown();
    expect(lines).toEqual([
      'The application closes: 812 streams are ended',
      'A request for a stream was refused: /feed server_closing',
      '2 more requests for streams were refused: /feed server_closing 2',
    ]);
  });

  it('is when the backplane goes and comes, without what a foreign error says', () => {
    log.backplaneChanged(false, new SseError('SSE_BACKPLANE_UNAVAILABLE', 'No answer within 5 s.'));
    jest.advanceTimersByTime(2_500);
    log.backplaneChanged(true);
    jest.advanceTimersByTime(10_000);
    log.backplaneChanged(false, new Error('connect redis://:secret@host'));
    expect(lines).toEqual([
      'The backplane is away. Streams stay open, and wait. No answer within 5 s.',
      'The backplane is back, after 2.5 s',
      'The backplane is away. Streams stay open, and wait. ',
    ]);
  });
});
