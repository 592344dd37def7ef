import 'reflect-metadata';
import { Controller, type INestApplication } from '@nestjs/common';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { interval, NEVER } from 'rxjs';
import { Sse, SseConnections, SseModule } from '../../lib/index.js';
import { describeWith } from '../support/external.js';
import { platforms, start } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';
import { open } from '../support/client.js';

const LARGE = 'x'.repeat(1_000_000);

@Controller()
class Streams {
  @Sse('quiet')
  quiet() {
    return NEVER;
  }

  @Sse('tens')
  *tens() {
    for (let i = 0; i < 10; i++) yield LARGE;
  }

  @Sse('clock')
  clock() {
    return interval(5);
  }
}

const connections = (app: INestApplication) => [...app.get(SseConnections)];

describe.each(platforms)('on $name, a peer that takes no bytes', (platform) => {
  it('is given up after writeTimeoutMs, and the reason says so', async () => {
    const options = { writeTimeoutMs: 300, buffer: { maxBytes: 100_000_000 } };
    const running = await start(platform, { imports: [SseModule.forRoot(options)], controllers: [Streams] });
    const client = await open(running, '/quiet');
    const [connection] = connections(running.app);
    for (let i = 0; i < 20; i++) connection!.send(LARGE);
    expect(await connection!.closed).toMatchObject({ code: 'write_timeout' });
    client.leave();
    await running.app.close();
  });

  it('is given up as well when only the rest of a completed stream waits for it', async () => {
    const running = await start(platform, {
      imports: [SseModule.forRoot({ writeTimeoutMs: 300 })],
      controllers: [Streams],
    });
    const client = await open(running, '/tens');
    const [connection] = connections(running.app);
    expect(await connection!.closed).toMatchObject({ code: 'write_timeout' });
    client.leave();
    await running.app.close();
  });
});

it('a link that moves is not given up, however slow it is, also in the middle of one event', async () => {
  const options = { writeTimeoutMs: 1_500, buffer: { maxBytes: 100_000_000 }, ping: false } as const;
  const running = await start(platforms[0]!, { imports: [SseModule.forRoot(options)], controllers: [Streams] });
  const client = await RawClient.open(running.url, get('/quiet'));
  await client.head();
  const [connection] = connections(running.app);
  const event = 'y'.repeat(10_000_000);
  connection!.send(event);
  connection!.close();
  const size = Number.parseInt(await client.readUntil('\r\n'), 16);
  // Evenly, and for much longer than a dead one is waited for.
  const durationMs = 4_000;
  const startedAt = performance.now();
  const parts: Buffer[] = [];
  for (let received = 0; received < size;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const due = Math.min(size, Math.ceil(((performance.now() - startedAt) / durationMs) * size));
    const part = await client.readExactly(due - received);
    parts.push(part);
    received = due;
  }
  expect(Buffer.concat(parts).toString() === `data: ${event}\n\n`).toBe(true);
  await client.readUntil('\r\n');
  expect(await client.chunk()).toBeUndefined();
  expect(await connection!.closed).toMatchObject({ code: 'kicked' });
  client.destroy();
  await running.app.close();
});

describeWith('ip', 'a peer in a network namespace whose link goes down without a FIN', () => {
  const name = `sse${process.pid}`;
  const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' });

  beforeAll(() => {
    ip('netns', 'add', name);
    ip('link', 'add', `${name}h`, 'type', 'veth', 'peer', 'name', `${name}p`, 'netns', name);
    ip('addr', 'add', '10.213.77.1/30', 'dev', `${name}h`);
    ip('link', 'set', `${name}h`, 'up');
    ip('-n', name, 'addr', 'add', '10.213.77.2/30', 'dev', `${name}p`);
    ip('-n', name, 'link', 'set', `${name}p`, 'up');
  });
  afterAll(() => {
    ip('link', 'del', `${name}h`);
    ip('netns', 'del', name);
  });

  it('is given up when bytes for it stop moving', async () => {
    const options = { writeTimeoutMs: 1_000, ping: { intervalMs: 50 }, buffer: { maxBytes: 100_000_000 } };
    const running = await start(platforms[0]!, { imports: [SseModule.forRoot(options)], controllers: [Streams] });
    const server = running.app.getHttpServer() as Server;
    const { port } = server.address() as AddressInfo;
    // The application listens on the loopback; a second server hands it what comes over the link.
    const { createServer } = await import('node:http');
    const outside = createServer((request, response) => server.emit('request', request, response));
    await new Promise<void>((resolve) => outside.listen(port, '10.213.77.1', resolve));
    const curl = spawn('ip', ['netns', 'exec', name, 'curl', '-sN', `http://10.213.77.1:${port}/clock`]);
    await once(curl.stdout, 'data');
    const [connection] = connections(running.app);
    ip('-n', name, 'link', 'set', `${name}p`, 'down');
    // What the kernel takes for a peer that does not answer; the clock and the pings go on beside it.
    for (let i = 0; i < 20 && connection!.send(LARGE); i++);
    expect(await connection!.closed).toMatchObject({ code: 'write_timeout' });
    curl.kill('SIGKILL');
    outside.closeAllConnections();
    await new Promise((resolve) => outside.close(resolve));
    await running.app.close();
  });
});
