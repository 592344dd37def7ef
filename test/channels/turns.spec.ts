import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Connection } from '../../lib/connection/connection.js';
import { Sse, SseBroadcaster, SseConnections, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { Gate, GatedBackplane } from './gates.js';

const EVENTS = 100_000;

/** Turns of the event loop that others had between the first and the last of some calls. */
class Turns {
  calls = 0;
  between = 0;
  private isOver = false;

  constructor(private readonly last = EVENTS) {}

  note(): void {
    if (this.calls++ === 0) this.count();
    if (this.calls === this.last) this.isOver = true;
  }

  private count(): void {
    if (this.isOver) return;
    setImmediate(() => {
      this.between++;
      this.count();
    });
  }
}

let turns: Turns;

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed() {
    const filter = () => {
      turns.note();
      return false;
    };
    return this.broadcaster.subscribe('a', { from: 'earliest', filter });
  }
}

function storing(): SseModuleOptions {
  const backplane = new GatedBackplane();
  backplane.ready.open();
  backplane.reading.open();
  return { backplane };
}

describe.each([
  ['in memory', () => ({})],
  ['in a store', storing],
] as [string, () => SseModuleOptions][])('what is read of 100,000 events %s', (_, options) => {
  let running: Running;
  let broadcaster: SseBroadcaster;

  beforeAll(async () => {
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, history: { maxEvents: EVENTS, maxBytes: 1e9 }, ...options() })],
      controllers: [Feeds],
    });
    broadcaster = running.app.get(SseBroadcaster);
    for (let n = 0; n < EVENTS; n++) await broadcaster.publish('a', n);
  });
  afterAll(() => running.app.close());

  it('leaves the event loop to others while a filter looks at it', async () => {
    turns = new Turns();
    const client = await open(running, '/feed');
    await until(() => turns.calls >= EVENTS, 'all were looked at');
    expect(turns.between).toBeGreaterThan(10);
    client.leave();
  });

  it('leaves it to others while history() reads', async () => {
    let others = 0;
    let isOver = false;
    const count = () => {
      others++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const events = await broadcaster.history('a', { limit: 10_000 });
    isOver = true;
    expect(events).toHaveLength(10_000);
    expect(others).toBeGreaterThan(1);
  });
});

/** Clients that wait for one answer. Each write takes half a millisecond, so that what a turn may take is four of them. */
describe('what many clients wait for', () => {
  const CLIENTS = 100;
  const WRITE_MS = 0.5;
  let running: Running;
  let backplane: GatedBackplane;
  let state: Gate;

  @Controller()
  class Waited {
    constructor(private readonly broadcaster: SseBroadcaster) {}
    @Sse('page') page() {
      return this.broadcaster.subscribe('a');
    }
    @Sse('snapshot') snapshot() {
      const load = async () => {
        await state.pass();
        return { data: 'state' };
      };
      return this.broadcaster.subscribe('a', { snapshot: { load, key: 'all' } });
    }
  }

  beforeEach(async () => {
    state = new Gate();
    backplane = new GatedBackplane();
    backplane.ready.open();
    running = await start(platforms[0]!, {
      imports: [SseModule.forRoot({ ping: false, backplane, history: { maxEvents: 1 } })],
      controllers: [Waited],
    });
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await running.app.close();
  });

  /** Counts the turns that others have between the first and the last write. */
  const slowWrites = () => {
    turns = new Turns(CLIENTS);
    const { writeShared } = Connection.prototype;
    jest.spyOn(Connection.prototype, 'writeShared').mockImplementation(function (this: Connection, ...args) {
      for (const end = performance.now() + WRITE_MS; performance.now() < end;);
      turns.note();
      writeShared.apply(this, args);
    });
  };

  it('is written in turns when it is a page of the store', async () => {
    const broadcaster = running.app.get(SseBroadcaster);
    const { id } = await broadcaster.publish('a', 0);
    for (let n = 1; n < 10; n++) await broadcaster.publish('a', n);
    const clients = Array.from({ length: CLIENTS }, () => open(running, '/page', { headers: { 'last-event-id': id } }));
    await until(() => running.app.get(SseConnections).size === CLIENTS, 'all have arrived');
    slowWrites();
    backplane.reading.open();
    for (const client of await Promise.all(clients)) {
      expect((await client.events(9)).at(-1)!.data).toBe('9');
      client.leave();
    }
    expect(turns.calls).toBe(CLIENTS);
    expect(turns.between).toBeGreaterThan(CLIENTS / 10);
  });

  it('is written in turns when it is a snapshot', async () => {
    const clients = Array.from({ length: CLIENTS }, () => open(running, '/snapshot'));
    await until(() => running.app.get(SseConnections).size === CLIENTS && state.arrived === 1, 'all have arrived');
    slowWrites();
    state.open();
    for (const client of await Promise.all(clients)) {
      expect((await client.event())?.data).toBe('state');
      client.leave();
    }
    expect(turns.calls).toBe(CLIENTS);
    expect(turns.between).toBeGreaterThan(CLIENTS / 10);
  });
});
