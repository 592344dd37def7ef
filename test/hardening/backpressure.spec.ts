import { startChild, type Child } from '../support/child.js';
import { open } from '../support/client.js';
import { platforms } from '../support/platforms.js';

const EVENT_BYTES = 100;
const EVENTS = 1_000_000;
/** What the kernel holds between two sockets of the loopback, and the client library in front of its reader. */
const KERNEL_BYTES = 8 * 1_048_576;

describe.each(platforms)('a source that can wait, on $name', ({ name }) => {
  let child: Child;
  beforeAll(async () => {
    child = await startChild('test/hardening/apps/backpressure.app.ts', name);
  });
  afterAll(() => child.process.kill());

  it('produces no more than its client reads, in constant memory, and delivers everything in order', async () => {
    const before = await child.ask<number>('memory');
    const client = await open(child, `/numbers?count=${EVENTS}`);
    let read = 0;
    let highest = 0;
    // First drop by drop, 10 KB at a time with a look at the server in between, then as fast as it goes.
    for (let drop = 0; drop < 40; drop++) {
      for (const { data } of await client.events(100)) expect(Number(data.replaceAll('.', ''))).toBe(read++);
      const produced = await child.ask<number>('produced');
      expect((produced - read) * EVENT_BYTES).toBeLessThan(KERNEL_BYTES);
      highest = Math.max(highest, await child.ask<number>('memory'));
    }
    expect(await child.ask('buffered')).toBeLessThan(256 * 1_024);
    // All events together have 95 MB. What V8 has yet to give back varies by some MB on a busy machine.
    expect(highest - before).toBeLessThan(24 * 1_048_576);

    for (let event = await client.event(); event; event = await client.event()) {
      if (Number(event.data.replaceAll('.', '')) !== read++) throw new Error(`expected ${read - 1}, got ${event.data}`);
    }
    expect(read).toBe(EVENTS);
    const after = await child.ask<number>('memory');
    console.log(name, { before, highest, after });
  });
});
