import { OPENING } from './streaming.js';

/** Connections that come in, 100 at a time, and stay. */
export const accept = {
  name: 'accept',
  title: 'Connections accepted, up to the last byte of the headers',
  subjects: [
    ...OPENING,
    ...['express', 'fastify'].flatMap((platform) => [
      `nest-get-${platform}`,
      `ours-${platform}-subject`,
      `ours-${platform}-intercepted`,
      `nest-${platform}-intercepted`,
    ]),
  ],
  metrics: { cpu: 'µs of server CPU per connection (10⁶ ÷ this: connections a second and core)' },

  async measure({ startServer, startClients, measureCpu, settle, quick }) {
    const server = await startServer();
    const clients = startClients();
    const open = (count) => clients.call('open', { port: server.port, path: '/live', count });
    const count = quick ? 2_000 : 6_000;
    // As many before, for everything that is hot to be compiled: with 2,000 of them, frameworks are still half cold.
    await open(count);
    await clients.call('leave');
    await settle();
    await server.call('gc');
    return { cpu: (await measureCpu([server], () => open(count))) / count };
  },
};
