import { startChild } from '../support/child.js';
import { open } from '../support/client.js';
import { platforms } from '../support/platforms.js';

const CLIENTS = 1_000;

// The children have it from here: in development their clients would come back at once.
const { NODE_ENV } = process.env;
beforeAll(() => (process.env.NODE_ENV = 'production'));
afterAll(() => (process.env.NODE_ENV = NODE_ENV));

describe.each(platforms)('a server with a thousand open streams, on $name', ({ name }) => {
  it('closes, and every client sees a clean end and is told when to come back, each at its own time', async () => {
    const child = await startChild('test/hardening/apps/visits.app.ts', name);
    const clients = [];
    for (let i = 0; i < CLIENTS; i += 50) {
      const path = ['/stream', '/live', '/channel', '/setup'][(i / 50) % 4] ?? '/stream';
      clients.push(...(await Promise.all(Array.from({ length: 50 }, () => open(child, path)))));
    }
    const ends = clients.map((client) => client.rest());
    const closed = child.ask('close');
    await Promise.all(ends);
    await closed;
    expect(clients.every(({ ended }) => ended)).toBe(true);
    const retries = clients.map(({ retry }) => retry ?? -1);
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...retries)).toBeLessThanOrEqual(10_000);
    // A thousand draws of nine thousand: that they fall into few would be a fault.
    expect(new Set(retries).size).toBeGreaterThan(800);
    child.process.kill();
    await child.exited;
  });

  it('exits by itself on SIGTERM', async () => {
    const child = await startChild('test/hardening/apps/visits.app.ts', name);
    const client = await open(child, '/live');
    child.process.disconnect();
    child.process.kill('SIGTERM');
    await client.rest();
    expect(client.retry).toBeGreaterThanOrEqual(1_000);
    expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
  });
});
