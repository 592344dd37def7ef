import 'reflect-metadata';
import { Controller, Param, Req } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { Observable, of } from 'rxjs';
import { ConnectionHub } from '../../lib/connection/connection-hub.js';
import { Sse, SseModule, SseSignal, type SseCloseReason } from '../../lib/index.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';

const facts = new Facts();

@Controller()
class QueueController {
  @Sse('finite/:name') finite(@Param('name') name: string) {
    return of(name);
  }

  @Sse('held/:name') async *held(@Param('name') name: string) {
    yield name;
    await facts.until('go on');
    yield 'end';
  }

  @Sse('endless/:name') endless(
    @Param('name') name: string,
    @Req() request: IncomingMessage & { raw?: IncomingMessage },
    @SseSignal() signal: AbortSignal,
  ) {
    signal.addEventListener('abort', () => facts.tell(`${name}: ${(signal.reason as SseCloseReason).code}`));
    const { socket } = request.raw ?? request;
    return new Observable(() => {
      facts.tell(`${name} opened with ${socket.listenerCount('close')} listeners`);
      facts.tell(`${name} opened`);
      return () => facts.tell(`${name} released`);
    });
  }
}

describe.each(platforms.filter(({ http2 }) => !http2))('pipelined requests on $name', (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [QueueController] });
  });
  beforeEach(() => facts.forget());
  afterAll(() => running.app.close());

  it('are answered one after the other, each whole', async () => {
    const client = await RawClient.open(running.url, get('/held/a') + get('/finite/b') + get('/finite/c'));
    facts.tell('go on');
    const bodies = [await client.response(), await client.response(), await client.response()];
    expect(bodies.map(({ body }) => body.toString())).toEqual([
      'data: a\n\ndata: end\n\n',
      'data: b\n\n',
      'data: c\n\n',
    ]);
    client.destroy();
  });

  it('are all released when their client leaves, also those that wait for their turn', async () => {
    const names = Array.from({ length: 25 }, (_, n) => `n${n}`);
    const client = await RawClient.open(running.url, names.map((name) => get(`/endless/${name}`)).join(''));
    await Promise.all(names.map((name) => facts.until(`${name} opened`)));
    client.destroy();
    await Promise.all(names.map((name) => facts.until(`${name} released`)));
    for (const name of names) expect(facts.told).toContain(`${name}: client_left`);
    expect(running.app.get(ConnectionHub).all.size).toBe(0);
  });

  it('watch their socket with one listener', async () => {
    const client = await RawClient.open(running.url, get('/endless/a') + get('/endless/b'));
    await facts.until('b opened');
    const [count] = facts.told.flatMap((fact) => /^b opened with (\d+)/.exec(String(fact))?.[1] ?? []);
    client.send(get('/endless/c') + get('/endless/d'));
    await facts.until('d opened');
    expect(facts.told).toContain(`d opened with ${count} listeners`);
    client.destroy();
    await facts.until('d released');
  });
});
