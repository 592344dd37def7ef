import 'reflect-metadata';
import { Controller, Logger } from '@nestjs/common';
import { NEVER } from 'rxjs';
import type { Connection } from '../../lib/connection/connection.js';
import { Sse, SseBroadcaster, SseClient, SseModule } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

const LARGE = 'x'.repeat(20_000_000);

@Controller()
class Streams {
  readonly arrived: Connection[] = [];

  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('news') news(@SseClient() connection: Connection) {
    this.arrived.push(connection);
    return this.broadcaster.subscribe('news');
  }
  @Sse('quiet', { writeTimeoutMs: 300, buffer: { maxBytes: 100_000_000 } }) quiet(@SseClient() connection: Connection) {
    this.arrived.push(connection);
    return NEVER;
  }
  @Sse('pinged', { ping: { intervalMs: 5 } }) pinged(@SseClient() connection: Connection) {
    this.arrived.push(connection);
    return NEVER;
  }
}

describe.each(platforms)('a connection that throws, among three on $name', (platform) => {
  let running: Running;
  const logged = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  const broken = new Error('an agent that patches sockets');
  const failing = () => {
    throw broken;
  };

  beforeEach(async () => {
    logged.mockClear();
    const options = { ping: { intervalMs: 60_000 }, shutdown: { farewell: () => ({ data: 'bye' }) } };
    running = await start(platform, { imports: [SseModule.forRoot(options)], controllers: [Streams] });
  });
  const opened: Client[] = [];
  afterEach(async () => {
    // Also those that can not be written to: the server would wait for them.
    for (const client of opened.splice(0)) client.leave();
    await running.app.close();
  });

  /** Three clients, the second of which cannot be written to, by whatever `method` of its writer. */
  const three = async (path: string, ...methods: ('write' | 'writeShared' | 'end')[]) => {
    const clients = [await open(running, path), await open(running, path), await open(running, path)];
    opened.push(...clients);
    const { arrived } = running.app.get(Streams);
    await until(() => arrived.length === 3 && arrived.every(({ state }) => state === 'open'));
    const { writer } = arrived[1] as unknown as { writer: Record<string, unknown> };
    for (const method of methods) writer[method] = failing;
    return { clients: [clients[0]!, clients[2]!], connections: arrived };
  };

  const isGivenUp = async (connections: readonly Connection[]) => {
    expect(await connections[1]!.closed).toMatchObject({ code: 'client_left', error: broken });
    expect(logged).toHaveBeenCalledWith(broken);
  };

  it('does not keep a publish from the others, nor the next one', async () => {
    const { clients, connections } = await three('/news', 'write', 'writeShared');
    const broadcaster = running.app.get(SseBroadcaster);
    await broadcaster.publish('news', { data: 1 });
    await broadcaster.publish('news', { data: 2 });
    for (const client of clients) expect((await client.events(2)).map(({ data }) => data)).toEqual(['1', '2']);
    await isGivenUp(connections);
  });

  it('does not keep the rest of a turn from the others', async () => {
    const { clients, connections } = await three('/quiet', 'write');
    for (const connection of connections) connection.send('one');
    for (const client of clients) expect(await client.event()).toMatchObject({ data: 'one' });
    for (const connection of connections) connection.send('two');
    for (const client of clients) expect(await client.event()).toMatchObject({ data: 'two' });
    await isGivenUp(connections);
  });

  it('does not keep pings from the others', async () => {
    const { clients, connections } = await three('/pinged');
    connections[1]!.comment = failing;
    await until(() => logged.mock.calls.length > 0);
    for (const client of clients) {
      const before = client.comments.length;
      await client.until(({ comments }) => comments.length > before);
    }
    expect(logged).toHaveBeenCalledWith(broken);
  });

  it('does not keep a farewell from the others, nor the application from closing', async () => {
    const { clients, connections } = await three('/quiet', 'write', 'end');
    const closing = running.app.close();
    for (const client of clients) {
      expect((await client.rest()).map(({ data }) => data)).toEqual(['bye']);
      expect(client.retry).toBeGreaterThanOrEqual(0);
    }
    await closing;
    await isGivenUp(connections);
  });

  it('does not keep the peers from being given up that take no bytes', async () => {
    const { connections } = await three('/quiet');
    connections[0]!.end = failing;
    for (const connection of connections) connection.send(LARGE);
    for (const connection of connections.slice(1)) {
      expect(await connection.closed).toMatchObject({ code: 'write_timeout' });
    }
    expect(logged).toHaveBeenCalledWith(broken);
    // The one that could not be ended ends with its client.
    delete (connections[0] as Partial<Connection>).end;
    expect(await connections[0]!.closed).toMatchObject({ code: 'write_timeout' });
  });
});
