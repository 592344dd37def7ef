import fc from 'fast-check';
import type { Holdings } from '../support/child-app.js';
import { startChild, type Child } from '../support/child.js';
import { open } from '../support/client.js';
import { platforms } from '../support/platforms.js';
import { get, RawClient } from '../support/raw-client.js';

/** All platforms together: ten thousand. */
const VISITS = 3_400;
const AT_ONCE = 40;
const PATHS = ['/guarded', '/handler', '/setup', '/stream', '/channel', '/live'] as const;

/** A visitor that leaves at some moment, by FIN or RST: before it is answered, with the headers, or in the stream. */
async function visit(child: Child, path: string, moment: number): Promise<void> {
  if (child.http2) {
    const opened = open(child, path).catch(() => undefined);
    const client = await opened;
    if (moment > 0.5) {
      const event = client?.event().catch(() => undefined);
      // Nothing comes in a channel by itself.
      await child.ask('publish');
      await event;
    }
    client?.leave();
    return;
  }
  const client = await RawClient.open(child.url, get(path));
  if (moment > 0.4) await client.read(64 + Math.floor(moment * 400));
  else if (moment > 0.2) await new Promise((resolve) => setImmediate(resolve));
  if (moment % 0.1 > 0.05) client.reset();
  else client.destroy();
}

describe.each(platforms)('thousands of visits on $name', ({ name }) => {
  let child: Child;
  beforeAll(async () => {
    child = await startChild('test/hardening/apps/visits.app.ts', name);
  });
  afterAll(() => child.process.kill());

  const visits = async (count: number, seed: number, paths: readonly string[] = PATHS) => {
    const moments = fc.sample(fc.tuple(fc.constantFrom(...paths), fc.double({ min: 0, max: 1, noNaN: true })), {
      numRuns: count,
      seed,
    });
    const visitor = async () => {
      for (let next = moments.pop(); next; next = moments.pop()) {
        // Who sits in a channel hears something now and then.
        if (moments.length % 10 === 0) await child.ask('publish');
        await visit(child, ...next);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, visitor));
  };

  /** What is held once everybody has been found to be gone, and sockets that were closed have been. */
  const settled = async (descriptors = Infinity): Promise<Holdings> => {
    for (const end = performance.now() + 60_000; ;) {
      const holdings = await child.ask<Holdings>('holdings');
      const isQuiet = holdings.connections === 0 && holdings.timers <= 1 && (await child.ask('running')) === 0;
      if ((isQuiet && holdings.descriptors <= descriptors) || performance.now() > end) return holdings;
    }
  };

  it('leave nothing behind', async () => {
    // The first visits fill caches and pools that stay.
    await visits(400, 1);
    // What a visit costs without a stream: Node 20 keeps 2 KB of every HTTP/2 session that ever was.
    const first = await settled();
    await visits(VISITS - 400, 2, ['/nowhere']);
    const before = await settled();
    await visits(VISITS - 400, 3);
    const after = await settled(before.descriptors);
    console.log(name, before, after);
    expect(after).toMatchObject({ connections: 0, registry: before.registry, listeners: before.listeners, faults: [] });
    expect(after.timers).toBeLessThanOrEqual(before.timers);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    expect(await child.ask('subscribers')).toBe(0);
    // 3,000 streams that kept a kilobyte each would show.
    expect(after.heap - before.heap).toBeLessThan(Math.max(0, before.heap - first.heap) + 2 * 1_048_576);
  });
});
