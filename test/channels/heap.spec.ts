import { startChild, type Child } from '../support/child.js';
import { open } from '../support/client.js';

const WARM = 200_000;
const PUBLISHES = 1_000_000;

describe('a million publishes', () => {
  let server: Child;
  beforeAll(async () => {
    server = await startChild('test/channels/apps/channels.app.ts', 'fastify');
  });
  afterAll(() => server.process.kill());

  it.each([
    ['a channel that keeps nothing', 'nothing', false],
    ['a channel that keeps 1,000', 'little', false],
    ['a channel that keeps the newest of each key', 'newest', false],
    ['a channel that keeps 1,000 and has a reader', 'little.read', true],
  ])('to %s leave the heap as it was', async (what, channel, isRead) => {
    const client = isRead ? await open(server, `/feed?channels=${channel}`) : undefined;
    client?.body.resume();
    await server.ask('repeat', { channel, times: WARM });
    const before = await server.ask<number>('memory');
    await server.ask('repeat', { channel, times: PUBLISHES });
    const after = await server.ask<number>('memory');
    process.stdout.write(
      `  1,000,000 publishes to ${what}: ${(before / 1_048_576).toFixed(1)} MB of heap before, ${(after / 1_048_576).toFixed(1)} MB after\n`,
    );
    client?.leave();
    // One pointer for each publish would be eight megabytes.
    expect(after - before).toBeLessThan(4 * 1_048_576);
  });
});
