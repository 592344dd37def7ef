import 'reflect-metadata';
import { Controller, Injectable } from '@nestjs/common';
import { from, NEVER, Subject } from 'rxjs';
import { Sse, SseConnections, SseModule, type SseConnection, type SseOverflow } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

const MAX_BYTES = 65_536;
const PADDING = '.'.repeat(1_000);

interface Tick {
  type: string;
  data: string;
}

/** A number on one of ten instruments. */
const tick = (number: number): Tick => ({ type: `i${number % 10}`, data: `${number} ${PADDING}` });
const latest: SseOverflow = { latest: (event) => event.type };

@Injectable()
class Ticks {
  readonly all = new Subject<Tick>();
}

@Controller()
class Feeds {
  constructor(private readonly ticks: Ticks) {}

  @Sse('disconnect', { buffer: { maxBytes: MAX_BYTES } }) disconnect() {
    return this.ticks.all;
  }
  @Sse('dropOldest', { buffer: { maxBytes: MAX_BYTES, overflow: 'dropOldest' } }) dropOldest() {
    return this.ticks.all;
  }
  @Sse('dropNewest', { buffer: { maxBytes: MAX_BYTES, overflow: 'dropNewest' } }) dropNewest() {
    return this.ticks.all;
  }
  @Sse('latest', { buffer: { maxBytes: MAX_BYTES, overflow: latest } }) latest() {
    return this.ticks.all;
  }
  @Sse('rows', { buffer: { maxBytes: MAX_BYTES } }) rows() {
    return from(Array.from({ length: 5_000 }, (_, number) => tick(number)));
  }
  @Sse('quiet/disconnect', { buffer: { maxBytes: MAX_BYTES } }) quiet() {
    return NEVER;
  }
  @Sse('quiet/dropNewest', { buffer: { maxBytes: MAX_BYTES, overflow: 'dropNewest' } }) quietDropNewest() {
    return NEVER;
  }
}

describe.each(platforms)('a source that cannot wait and outruns its client, on $name', (platform) => {
  let running: Running;
  let connections: SseConnections;
  let ticks: Subject<Tick>;

  beforeEach(async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot({ ping: false })],
      controllers: [Feeds],
      providers: [Ticks],
    });
    connections = running.app.get(SseConnections);
    ticks = running.app.get(Ticks).all;
  });
  afterEach(() => running.app.close());

  /** A client that does not read, and its connection. */
  async function stalled(path: string): Promise<{ client: Client; connection: SseConnection }> {
    const client = await open(running, path);
    const [connection] = connections;
    if (!connection) throw new Error('no connection');
    return { client, connection };
  }

  /** Lets ticks happen, in bursts, until the client is known to have missed something. @returns how many there were */
  async function outrun(enough: () => boolean): Promise<number> {
    let count = 0;
    while (!enough()) {
      for (let burst = 0; burst < 50; burst++) ticks.next(tick(count++));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return count;
  }

  async function numbersOf(client: Client): Promise<number[]> {
    const numbers: number[] = [];
    for (let event = await client.event(); event; event = await client.event()) numbers.push(parseInt(event.data));
    return numbers;
  }

  it('disconnects it, which is the default, and says why', async () => {
    const { client, connection } = await stalled('/disconnect');
    await outrun(() => connections.size === 0);
    expect(await connection.closed).toMatchObject({ code: 'slow_client' });
    expect(connections.closed).toEqual({ slow_client: 1 });
    expect(ticks.observed).toBe(false);
    // Cut off: a clean end would tell the client that it has everything.
    await expect(client.rest()).rejects.toThrow();
  });

  it('takes what is emitted within one turn, however much it is: a client that reads gets all of it', async () => {
    const client = await open(running, '/rows');
    expect(await numbersOf(client)).toEqual(Array.from({ length: 5_000 }, (_, number) => number));
    expect(connections.closed).toEqual({ source_completed: 1 });
  });

  it('counts from the next turn on what was emitted in one: a client that does not read is disconnected', async () => {
    const { client, connection } = await stalled('/disconnect');
    // More than the kernel takes for a client that does not read.
    for (let count = 0; count < 20_000; count++) ticks.next(tick(count));
    expect(connections.size).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    ticks.next(tick(0));
    expect(await connection.closed).toMatchObject({ code: 'slow_client' });
    await expect(client.rest()).rejects.toThrow();
  });

  it('drops the oldest that wait, counts them, and delivers the newest', async () => {
    const { client, connection } = await stalled('/dropOldest');
    const count = await outrun(() => connection.eventsDropped >= 500);
    expect(connection.bufferedBytes).toBeLessThan(MAX_BYTES + KERNEL_SIDE_BYTES);
    const dropped = connection.eventsDropped;
    expect(connections.eventsDropped).toBe(dropped);
    ticks.complete();
    const numbers = await numbersOf(client);
    expect(numbers).toHaveLength(count - dropped);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.at(-1)).toBe(count - 1);
    expect(connection.eventsSent).toBe(numbers.length);
  });

  it('drops the newest, counts them, and keeps what waits', async () => {
    const { client, connection } = await stalled('/dropNewest');
    const count = await outrun(() => connection.eventsDropped >= 500);
    expect(connection.bufferedBytes).toBeLessThan(MAX_BYTES + KERNEL_SIDE_BYTES);
    const dropped = connection.eventsDropped;
    expect(connections.eventsDropped).toBe(dropped);
    ticks.complete();
    const numbers = await numbersOf(client);
    expect(numbers).toHaveLength(count - dropped);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    // Of the last burst nothing had room.
    expect(numbers.at(-1)).toBeLessThan(count - 1);
  });

  it('keeps the newest of each key, counts the others, and delivers every last one', async () => {
    const { client, connection } = await stalled('/latest');
    const count = await outrun(() => connection.eventsDropped >= 500);
    expect(connection.bufferedBytes).toBeLessThan(MAX_BYTES + KERNEL_SIDE_BYTES);
    const dropped = connection.eventsDropped;
    expect(connections.eventsDropped).toBe(dropped);
    ticks.complete();
    const numbers = await numbersOf(client);
    expect(numbers).toHaveLength(count - dropped);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.slice(-10)).toEqual(Array.from({ length: 10 }, (_, key) => count - 10 + key));
  });

  it('tells each client by its own speed: who reads misses nothing', async () => {
    const reader = await open(running, '/dropOldest');
    const sleeper = await open(running, '/dropOldest');
    const [fast, slow] = [...connections] as [SseConnection, SseConnection];
    let count = 0;
    while (slow.eventsDropped < 500) {
      for (let burst = 0; burst < 20; burst++) ticks.next(tick(count++));
      const events = await reader.events(20);
      expect(events.map(({ data }) => parseInt(data))).toEqual(Array.from({ length: 20 }, (_, n) => count - 20 + n));
    }
    expect(fast.eventsDropped).toBe(0);
    for (const client of [reader, sleeper]) client.leave();
  });

  it('holds for send() as well, which says what became of the event', async () => {
    const { client, connection } = await stalled('/quiet/dropNewest');
    const accepted: number[] = [];
    let count = 0;
    while (connection.eventsDropped < 100) {
      for (let burst = 0; burst < 50; burst++, count++) if (connection.send(tick(count))) accepted.push(count);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(connection.eventsDropped).toBe(count - accepted.length);
    connection.close();
    expect(connection.send('too late')).toBe(false);
    expect(await numbersOf(client)).toEqual(accepted);
    expect(await connection.closed).toMatchObject({ code: 'kicked' });
  });

  it('ends a connection whose send() overflows, and send() says so', async () => {
    const { client, connection } = await stalled('/quiet/disconnect');
    let count = 0;
    while (connection.send(tick(count))) if (++count % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await connection.closed).toMatchObject({ code: 'slow_client' });
    expect(connection.send('too late')).toBe(false);
    await expect(client.rest()).rejects.toThrow();
    await until(() => connections.size === 0);
  });
});

/** What a writer may hold besides the buffer: its high-water mark and one slice. */
const KERNEL_SIDE_BYTES = 262_144;
