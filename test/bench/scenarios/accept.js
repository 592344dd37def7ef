/** Connections that come in, 100 at a time, and stay. */
export const accept = {
  name: 'accept',
  title: 'Connections accepted, up to the last byte of the headers',
  subjects: [
    'node',
    'express',
    'fastify',
    'ours-express',
    'ours-fastify',
    'nest-express',
    'nest-fastify',
    'better-sse',
    'fastify-sse',
  ],
  metrics: { cpu: 'µs of server CPU per connection' },

  async measure({ startServer, startClients, measureCpu, settle, quick }) {
    const server = await startServer();
    const clients = startClients();
    const open = (count) => clients.call('open', { port: server.port, path: '/live', count });
    await open(2_000);
    await clients.call('leave');
    await settle();
    await server.call('gc');
    const count = quick ? 2_000 : 8_000;
    return { cpu: (await measureCpu(server, () => open(count))) / count };
  },
};
