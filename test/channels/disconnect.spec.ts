import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseConnections, SseModule } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('user') user: string, @Query('room') room: string, @SseClient() client: SseConnection) {
    Object.assign(client.context, { user, room });
    return this.broadcaster.subscribe('a', { snapshot: () => 'here' });
  }
}

describe.each(platforms)('a client on $name', (platform) => {
  let running: Running;
  beforeEach(async () => {
    running = await start(platform, { imports: [SseModule.forRoot({ ping: false })], controllers: [Feeds] });
  });
  afterEach(() => running.app.close());

  it('is disconnected by tags, and by what a predicate sees, and nobody else', async () => {
    const broadcaster = running.app.get(SseBroadcaster);
    const connections = running.app.get(SseConnections);
    const follows: Client[] = [];
    for (const [user, room] of ['ann red', 'bob red', 'ann blue', 'cy blue'].map((one) => one.split(' '))) {
      const client = await open(running, `/feed?user=${user}&room=${room}`);
      await client.event();
      follows.push(client);
    }
    const [annRed, bobRed, annBlue, cyBlue] = follows as [Client, Client, Client, Client];
    expect(broadcaster.disconnect({ user: 'ann', room: 'blue' }, 'banned')).toBe(1);
    expect(await annBlue.rest()).toEqual([]);
    expect(broadcaster.disconnect({ user: 'nobody' })).toBe(0);
    expect(broadcaster.disconnect(({ context }) => context.room === 'red')).toBe(2);
    expect([await annRed.rest(), await bobRed.rest()]).toEqual([[], []]);
    // Once: they are closing, or gone.
    expect(broadcaster.disconnect({ user: 'ann' })).toBe(0);
    await until(() => connections.size === 1);
    expect(connections.closed).toMatchObject({ kicked: 3 });
    await broadcaster.publish('a', 'still here');
    expect((await cyBlue.event())?.data).toBe('still here');
    cyBlue.leave();
    for (const nonsense of [{}, null, 'ann', undefined]) {
      expect(() => broadcaster.disconnect(nonsense as never)).toThrow(
        expect.objectContaining({ code: 'SSE_INVALID_OPTION' }),
      );
    }
  });
});
