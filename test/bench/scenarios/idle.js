import { OPENING } from './streaming.js';

const FIRST_ONES = 1_000;

/** Connections that are open and silent: what each keeps in memory once all garbage is gone. */
export const idle = {
  name: 'idle',
  title: 'Memory of an idle connection',
  subjects: OPENING,
  metrics: { rss: 'KB resident per connection', heap: 'KB of heap per connection' },
  // It hardly varies.
  repetitions: 3,

  async measure({ startServer, startClients, settle, snapshot, quick }) {
    const server = await startServer();
    const clients = startClients();
    const open = (count) => clients.call('open', { port: server.port, path: '/live', count });
    // The first ones pay for what exists once, however many there are: code, the spaces of the heap. They stay: the
    // memory that they would leave behind would be counted as free.
    await open(FIRST_ONES);
    await settle();
    const before = await server.call('memory');
    const count = (quick ? 3_000 : 10_000) - FIRST_ONES;
    await open(count);
    await settle();
    const after = await server.call('memory');
    await snapshot(server);
    return {
      rss: (after.rss - before.rss) / count / 1024,
      heap: (after.heapUsed - before.heapUsed) / count / 1024,
    };
  },
};
