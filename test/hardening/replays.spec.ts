import { connect, type Socket } from 'node:net';
import { startChild, type Child } from '../support/child.js';
import { describeWith } from '../support/external.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

/** Each takes some megabytes of the kernel's. `REPLAYS=1000` for as many as the aim names. */
const CLIENTS = Number(process.env.REPLAYS ?? 200);
const HISTORY = { events: 1_024, bytes: 16_384 };
const megabytes = (bytes: number) => Math.round(bytes / 1_048_576);
const percentile = (all: readonly number[], share: number) =>
  [...all].sort((a, b) => a - b)[Math.floor((all.length - 1) * share)]!;

/** Clients that resume at the beginning of 16 MB and do not read. */
function specs(kind: string, redis: () => RedisServer | undefined): void {
  let server: Child;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    const running = redis();
    if (running) process.env.REDIS_URL = running.url;
    else delete process.env.REDIS_URL;
    server = await startChild('test/hardening/apps/replays.app.ts', 'express');
  });
  afterEach(async () => {
    delete process.env.REDIS_URL;
    for (const socket of sockets.splice(0)) socket.destroy();
    server.process.kill();
    await server.exited;
  });

  /** Asks and does not read, not even the headers. */
  const come = (channels: string, id: string) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.pause();
    socket.on('error', () => undefined);
    socket.write(`GET /feed?channels=${channels} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: ${id}\r\n\r\n`);
    sockets.push(socket);
  };
  const state = () => server.ask<{ open: number; full: number }>('full');
  const allAre = async (fact: (now: { open: number; full: number }) => boolean) => {
    for (let isSo = false; !isSo;) {
      isSo = fact(await state());
      if (!isSo) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  it.each(['a', 'a,b'])(
    `bound what they hold together, and leave publishing alone (${kind}, %s)`,
    async (channels) => {
      const [first, head] = await server.ask<[string, string]>('fill', { channel: 'a', ...HISTORY });
      await server.ask('publishing', { forMs: 500 });
      // At the head first: what connections cost is not the question.
      for (let n = 0; n < CLIENTS; n++) come(channels, head);
      await allAre(({ open }) => open === CLIENTS);
      const quiet = await server.ask<number[]>('publishing', { forMs: 2_000 });
      const atHead = await server.ask<number>('memory');
      for (const socket of sockets.splice(0)) socket.destroy();
      await allAre(({ open }) => open === 0);

      for (let n = 0; n < CLIENTS; n++) come(channels, first);
      const busy: number[] = [];
      let isFull = false;
      while (!isFull) {
        busy.push(...(await server.ask<number[]>('publishing', { forMs: 200 })));
        const { open, full } = await state();
        isFull = open === CLIENTS && full === CLIENTS;
      }
      const stalled = await server.ask<number>('memory');
      const [before, after] = [percentile(quiet, 0.99), percentile(busy, 0.99)];
      process.stdout.write(
        `  ${kind}, ${channels}: ${CLIENTS} stalled resuming clients: RSS ${megabytes(atHead)} MB at the head, ` +
          `${megabytes(stalled)} MB stalled; publish p50 ${percentile(quiet, 0.5).toFixed(2)} → ${percentile(busy, 0.5).toFixed(2)} ms, ` +
          `p99 ${before.toFixed(2)} → ${after.toFixed(2)} ms (${busy.length} publishes)\n`,
      );
      expect(stalled - atHead).toBeLessThan(100 * 1_048_576);
      // The delays are figures to look at, not to judge by: others use the machine. But nothing that was published
      // meanwhile was refused, or `publishing` had failed.
      expect(busy.length).toBeGreaterThan(0);

      // They read at last: nobody missed anything.
      const [reader] = sockets;
      let text = '';
      reader!.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
      reader!.resume();
      const last = `data: ${String(HISTORY.events - 1).padStart(8, '0')} 0 `;
      await until(() => text.includes(last), 'it has everything');
      const numbers = [...text.matchAll(/^data: (\d{8}) 0 /gm)].map(([, number]) => Number(number));
      expect(numbers).toEqual(Array.from({ length: HISTORY.events - 1 }, (_, n) => n + 1));
    },
    240_000,
  );
}

describe('stalled clients that resume from memory', () => specs('memory', () => undefined));

describeWith('redis-server', 'stalled clients that resume from Redis', (path) => {
  let redis: RedisServer;
  beforeEach(async () => {
    redis = await RedisServer.start(path);
  });
  afterEach(() => redis.stop());
  specs('Redis', () => redis);
});
