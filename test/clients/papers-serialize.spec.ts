import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { Exclude, Expose, instanceToPlain } from 'class-transformer';
import { Sse, SseBroadcaster, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';

class User {
  name = 'Ada';
  @Exclude() password = '1234';
  @Expose() get initial() {
    return this.name[0];
  }
}

@Controller()
class Users {
  constructor(private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed') feed() {
    return this.broadcaster.subscribe('users', {
      from: 'earliest',
      snapshot: () => ({ type: 'all', data: [new User()] }),
    });
  }

  @Sse('list') *list() {
    yield { data: new User() };
  }
}

// Interceptors do not see what is published: it is encoded once, for all.
describe.each(platforms.slice(0, 2))("class-transformer's decorators, on $name", (platform) => {
  let running: Running;

  beforeAll(async () => {
    running = await start(platform, {
      imports: [SseModule.forRoot({ serialize: (data) => JSON.stringify(instanceToPlain(data)) })],
      controllers: [Users],
    });
  });
  afterAll(() => running.app.close());

  it('hold for published events, kept ones, snapshots and what a handler yields, with serialize', async () => {
    const broadcaster = running.app.get(SseBroadcaster);
    await broadcaster.publish('users', { type: 'created', data: { user: new User(), list: [new User()], total: 1 } });
    const client = await open(running, '/feed');
    const ada = '{"name":"Ada","initial":"A"}';
    const published = `{"user":${ada},"list":[${ada}],"total":1}`;
    expect((await client.events(2)).map(({ event, data }) => [event, data]).sort()).toEqual([
      ['all', `[${ada}]`],
      ['created', published],
    ]);
    client.leave();
    expect((await broadcaster.history('users')).map(({ data }) => data)).toEqual([published]);
    const list = await open(running, '/list');
    expect((await list.rest()).map(({ data }) => data)).toEqual([ada]);
  });
});
