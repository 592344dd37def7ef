import { TOKEN_SUFFIX } from '../payload.js';
import { STREAMING } from './streaming.js';

/** One client and a source that is always ready: what an event costs when nothing is shared. */
export const generator = {
  name: 'generator',
  title: 'One async generator that is always ready, to one client',
  subjects: STREAMING,
  metrics: { cpu: 'µs of server CPU per event' },

  async measure({ startServer, startClients, measureCpu, quick }) {
    const server = await startServer();
    const clients = startClients();
    const run = async (events) => {
      await server.call('plan', { tokens: events });
      await clients.call('open', { port: server.port, path: '/generator', count: 1, suffix: TOKEN_SUFFIX });
      await clients.call('received', { events });
      await clients.call('leave');
    };
    const events = quick ? 200_000 : 1_000_000;
    await run(events / 10);
    return { cpu: (await measureCpu([server], () => run(events))) / events };
  },
};
