import { EVENT_SUFFIX } from '../payload.js';
import { STREAMING } from './streaming.js';

const EVENTS = 1_000;

/** Everybody comes back at once, and has missed the whole history. */
export const replay = {
  name: 'replay',
  title: '1,000 events replayed to 1,000 reconnecting clients',
  subjects: STREAMING,
  metrics: { cpu: 'µs of server CPU per replayed event, the connection itself included' },

  async measure({ startServer, startClients, measureCpu, settle, quick }) {
    const server = await startServer({ replayed: EVENTS });
    const clients = startClients();
    const run = async (count) => {
      await clients.call('open', {
        port: server.port,
        path: '/replay',
        count,
        suffix: EVENT_SUFFIX,
        lastEventId: server.resumeFrom,
      });
      await clients.call('received', { events: count * EVENTS });
    };
    await run(200);
    await clients.call('leave');
    await settle();
    const count = quick ? 250 : 1_000;
    return { cpu: (await measureCpu([server], () => run(count))) / count / EVENTS };
  },
};
