import 'reflect-metadata';
import {
  Controller,
  Injectable,
  Logger,
  Param,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type PipeTransform,
} from '@nestjs/common';
import type { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { Observable } from 'rxjs';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { Sse, SseModule, SseQueue, SseResponse, SseSignal } from '../../lib/index.js';
import { open } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';

const facts = new Facts();

/** Waits, and goes on only when a spec says that the client has left. */
async function untilGone(where: string): Promise<void> {
  facts.tell(where);
  await facts.until('gone');
}

@Injectable()
class WaitingGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const reply = context.switchToHttp().getResponse<EventEmitter & { raw?: EventEmitter }>();
    const response = reply.raw ?? reply;
    facts.tell('in the guard');
    await new Promise((resolve) => response.once('close', resolve));
    facts.tell('gone');
    return true;
  }
}

const waitingPipe: PipeTransform = {
  transform: async (value) => {
    await untilGone('in the pipe');
    return value as unknown;
  },
};

/** Sources that hold something from the start, made when their client has left already. */
const late: Record<string, () => unknown> = {
  'a Readable': () =>
    new Readable({
      read: () => facts.tell('used'),
      destroy: (error, done) => {
        facts.tell('released');
        done(error);
      },
    }),
  'a web stream': () => new ReadableStream({ cancel: () => facts.tell('released') }, { highWaterMark: 0 }),
  'an iterator': () => ({
    next: () => facts.tell('used'),
    return: () => {
      facts.tell('released');
      return { done: true };
    },
    [Symbol.iterator]() {
      return this;
    },
  }),
  'an SseQueue': () => {
    const queue = new SseQueue({ maxEvents: 1 });
    void (async () => {
      while (await queue.send('waits for room'));
      facts.tell('released');
    })();
    return queue;
  },
  'an SseResponse': () =>
    new SseResponse([], { onClose: ({ code }) => code === 'client_left' && facts.tell('released') }),
  'an SseResponse of a Readable': () => new SseResponse(late['a Readable']?.()),
};

/** Sources that their client leaves while they are being set up. */
const settingUp: Record<string, () => unknown> = {
  'an async generator before its first event': async function* () {
    try {
      await untilGone('set up');
      facts.tell('resumed');
      yield 'never';
    } finally {
      facts.tell('released');
    }
  },
  'an async generator that fails when it is told': async function* (signal?: AbortSignal) {
    try {
      facts.tell('set up');
      await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
      yield 'never';
    } finally {
      facts.tell('released');
    }
  },
  'an Observable with an async producer': () =>
    new Observable((subscriber) => {
      void untilGone('set up').then(() => {
        subscriber.next('into the void');
        subscriber.error(new Error('into the void'));
      });
      return () => facts.tell('released');
    }),
  'a Readable that is opening a file': () =>
    new Readable({
      construct: (done) => void untilGone('set up').then(() => done()),
      read: () => facts.tell('used'),
      destroy: (error, done) => {
        facts.tell('released');
        done(error);
      },
    }),
};

@Controller()
class LeftController {
  @Sse('marker') marker() {
    return [];
  }

  @UseGuards(WaitingGuard) @Sse('guarded') guarded() {
    facts.tell('called');
    return [];
  }

  @Sse('piped/:value') piped(@Param('value', waitingPipe) value: string) {
    facts.tell('called');
    return [value];
  }

  @Sse('handler/:kind') async handler(@Param('kind') kind: string, @SseSignal() signal: AbortSignal) {
    signal.addEventListener('abort', () => facts.tell('aborted'));
    await untilGone('in the handler');
    return late[kind]?.();
  }

  @Sse('failing') async failing() {
    await untilGone('in the handler');
    facts.tell('released');
    throw new Error('nobody is there to hear it');
  }

  @Sse('set-up/:kind') setUp(@Param('kind') kind: string, @SseSignal() signal: AbortSignal) {
    return (settingUp[kind] as (signal: AbortSignal) => unknown)(signal);
  }

  @Sse('set-up-first/:kind', { commit: 'firstEvent' }) setUpFirst(
    @Param('kind') kind: string,
    @SseSignal() signal: AbortSignal,
  ) {
    return this.setUp(kind, signal);
  }
}

// An unhandled rejection or an uncaught exception anywhere fails the test that runs: jest-circus listens for both.
describe.each(platforms)('a client that is gone on $name', (platform) => {
  let running: Running;
  let registry: ConnectionRegistry;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [LeftController] });
    registry = running.app.get(ConnectionRegistry);
  });
  beforeEach(() => {
    facts.forget();
    logged.mockClear();
  });
  afterEach(() => {
    expect(registry.all.size).toBe(0);
    expect(logged).not.toHaveBeenCalled();
  });
  afterAll(() => running.app.close());

  /** Asks for `path`, and leaves when the server is as far as `where`. Resolves when the server knows. */
  const leave = async (path: string, where: string) => {
    const leaving = new AbortController();
    const answer = open(running, path, { signal: leaving.signal });
    await facts.until(where);
    const [connection] = registry.all;
    leaving.abort();
    await answer.catch(() => undefined);
    // Before the handler and its parameters there is no connection that would tell.
    if (!connection) await marker();
    expect((await connection?.closed)?.code ?? 'client_left').toBe('client_left');
  };

  /** A later request has its answer, so whatever the one before had still to do is done. */
  const marker = async () => {
    await (await open(running, '/marker')).rest();
  };

  it('before the handler is called, in a guard: it is not called', async () => {
    await leave('/guarded', 'in the guard');
    await facts.until('gone');
    await marker();
    expect(facts.told).not.toContain('called');
  });

  it('before the handler is called, in a pipe: it is not called', async () => {
    await leave('/piped/x', 'in the pipe');
    facts.tell('gone');
    await marker();
    expect(facts.told).not.toContain('called');
  });

  it.each(Object.keys(late))(
    'while the handler runs: it is told, and what it returns is released: %s',
    async (kind) => {
      await leave(`/handler/${encodeURIComponent(kind)}`, 'in the handler');
      expect(facts.told).toContain('aborted');
      facts.tell('gone');
      await facts.until('released');
      expect(facts.told).not.toContain('used');
    },
  );

  it('while a handler runs that fails then: nothing happens', async () => {
    await leave('/failing', 'in the handler');
    facts.tell('gone');
    await facts.until('released');
    await marker();
  });

  describe.each(['/set-up', '/set-up-first'])('while the source is set up: %s', (path) => {
    it.each(Object.keys(settingUp))('it is released: %s', async (kind) => {
      await leave(`${path}/${encodeURIComponent(kind)}`, 'set up');
      facts.tell('gone');
      await facts.until('released');
      await marker();
      expect(facts.told).not.toContain('used');
    });
  });
});
