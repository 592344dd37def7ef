import 'reflect-metadata';
import { Controller, Param } from '@nestjs/common';
import { NEVER } from 'rxjs';
import { Sse, SseClient, SseConnections, SseError, SseModule, type SseConnection } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { Facts } from '../support/facts.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

const facts = new Facts();

@Controller()
class UsersController {
  @Sse('users/:user') user(@Param('user') user: string, @SseClient() client: SseConnection) {
    client.context.user = user;
    return NEVER;
  }

  @Sse('undecided', { commit: 'firstEvent' }) undecided(@SseClient() client: SseConnection) {
    facts.tell('called');
    client.signal.addEventListener('abort', () => facts.tell('aborted'));
    return NEVER;
  }

  @Sse('dropping', { buffer: { maxBytes: 1_000, overflow: 'dropNewest' } }) dropping() {
    return NEVER;
  }
}

describe.each(platforms)('SseConnections on $name', (platform) => {
  let running: Running;
  let connections: SseConnections;
  const clients: Client[] = [];

  const connect = async (path: string, options?: object): Promise<[Client, SseConnection]> => {
    const client = await open(running, path, options);
    clients.push(client);
    const connection = [...connections].at(-1);
    if (!connection) throw new Error('not in the registry');
    return [client, connection];
  };

  beforeEach(async () => {
    facts.forget();
    running = await start(platform, { imports: [SseModule.forRoot()], controllers: [UsersController] });
    connections = running.app.get(SseConnections);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.leave();
    await running.app.close();
  });

  it('lists those that are open, in the order in which they came', async () => {
    const [ada] = await connect('/users/ada');
    await connect('/users/grace');
    expect([...connections].map(({ context }) => context)).toEqual([{ user: 'ada' }, { user: 'grace' }]);
    expect([connections.size, connections.opened, connections.closed]).toEqual([2, 2, {}]);
    ada.leave();
    await until(() => connections.size === 1);
    expect([...connections].map(({ context }) => context.user)).toEqual(['grace']);
    expect([connections.size, connections.opened, connections.closed]).toEqual([1, 2, { client_left: 1 }]);
  });

  it('does not list one whose headers have not left', async () => {
    const leaving = new AbortController();
    const answer = open(running, '/undecided', { signal: leaving.signal });
    await facts.until('called');
    expect([...connections]).toEqual([]);
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await facts.until('aborted');
    expect([connections.opened, connections.closed]).toEqual([0, { client_left: 1 }]);
  });

  it('has what there is to know about a connection', async () => {
    const before = Date.now();
    const [client, connection] = await connect('/users/ada?b=1', { headers: { 'last-event-id': '7' } });
    expect(connection).toMatchObject({
      lastEventId: '7',
      bytesSent: 0,
      eventsSent: 0,
      eventsDropped: 0,
      bufferedBytes: 0,
    });
    expect(connection.id).toMatch(/^[A-Za-z0-9._~-]+$/);
    expect((connection.request as { query: unknown }).query).toMatchObject({ b: '1' });
    expect(connection.openedAt).toBeGreaterThanOrEqual(before);
    expect(connection.openedAt).toBeLessThanOrEqual(Date.now());
    expect(connection.signal.aborted).toBe(false);
    expect(connection.send({ id: 1, data: 'é' })).toBe(true);
    expect(connection.comment('hi')).toBe(true);
    await client.until(({ comments }) => comments.length === 1);
    expect(connection).toMatchObject({ bytesSent: Buffer.byteLength(client.text), eventsSent: 2, bufferedBytes: 0 });
  });

  it('gives each an id of its own, also across applications', async () => {
    const other = await start(platform, { imports: [SseModule.forRoot()], controllers: [UsersController] });
    const otherClient = await open(other, '/users/eve');
    await connect('/users/ada');
    await connect('/users/ada');
    const ids = [...connections, ...other.app.get(SseConnections)].map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    otherClient.leave();
    await other.app.close();
  });

  it('reaches one client, or all', async () => {
    const [ada] = await connect('/users/ada');
    const [grace] = await connect('/users/grace');
    for (const connection of connections) if (connection.context.user === 'ada') connection.send('for you');
    for (const connection of connections) connection.send('for all');
    expect((await ada.events(2)).map(({ data }) => data)).toEqual(['for you', 'for all']);
    expect((await grace.events(1)).map(({ data }) => data)).toEqual(['for all']);
  });

  it('ends one, whose client sees the end of the body after all that was sent', async () => {
    const [client, connection] = await connect('/users/ada');
    connection.send('last words');
    connection.close('signed out');
    expect(connection.send('too late')).toBe(false);
    expect(connection.comment('too late')).toBe(false);
    expect((await client.rest()).map(({ data }) => data)).toEqual(['last words']);
    expect(await connection.closed).toEqual({ code: 'kicked', reason: 'signed out' });
    expect(connection.signal.reason).toEqual({ code: 'kicked', reason: 'signed out' });
    expect(connections.closed).toEqual({ kicked: 1 });
  });

  it('may end all of them while it is walked', async () => {
    const all = [await connect('/users/a'), await connect('/users/b'), await connect('/users/c')];
    for (const connection of connections) connection.close();
    for (const [client] of all) expect(await client.rest()).toEqual([]);
    expect(connections.size).toBe(0);
  });

  it('refuses what cannot be sent exactly, and sends nothing of it', async () => {
    const [client, connection] = await connect('/users/ada');
    expect(() => connection.send({ id: 'a\nb', data: 1 })).toThrow(SseError);
    expect(() => connection.send({})).toThrow(SseError);
    connection.send('marker');
    await client.event();
    expect(client.text).toBe('data: marker\n\n');
  });

  it('tells of what the buffer holds and drops while the client does not read', async () => {
    const [client, connection] = await connect('/dropping');
    const event = 'x'.repeat(65_536);
    await until(() => connection.send(event) && connection.bufferedBytes > 0);
    await until(() => !connection.send(event));
    expect(connection.bufferedBytes).toBeGreaterThan(0);
    expect(connection.eventsDropped).toBe(1);
    expect(connections.eventsDropped).toBe(1);
    await client.until(() => connection.bufferedBytes === 0);
    expect(connection.send('marker')).toBe(true);
    await client.until(({ text }) => text.endsWith('data: marker\n\n'));
  });
});
