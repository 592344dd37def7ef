import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { Sse, SseBroadcaster, SseModule, type SseModuleOptions } from '../../lib/index.js';
import { open } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';
import { GatedBackplane } from './gates.js';

const EVENTS = 100_000;

/** Turns of the event loop that others had between the first and the last of some calls. */
class Turns {
  calls = 0;
  between = 0;
  private isOver = false;

  note(): void {
    if (this.calls++ === 0) this.count();
    if (this.calls === EVENTS) this.isOver = true;
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
