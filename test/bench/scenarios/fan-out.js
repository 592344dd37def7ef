import { EVENT_SUFFIX } from '../payload.js';
import { STREAMING } from './streaming.js';

/** About as many deliveries are under way before clients are waited for: no client falls far behind. */
const DELIVERIES_PER_WINDOW = 20_000;

/** Before anything is measured: by then everything that is hot is compiled. */
const WARM_UP_MS = 600;

/** By the clock and not by events, of which the fastest subject makes 40 times as many as the slowest. */
const MEASURED_MS = 1_200;

/**
 * Events to many clients that have subscribed to the same channels.
 *
 * @param connections how many clients
 * @param perTurn events that are published in one turn of the event loop
 * @param channels channels that every client subscribes to; events go to each of them in turn
 */
export function fanOut({ name, title, connections, perTurn = 1, channels = 1 }) {
  return {
    name,
    title,
    subjects: STREAMING,
    metrics: { cpu: 'µs of server CPU per delivered event' },

    async measure({ startServer, startClients, measureCpu, quick }) {
      const server = await startServer();
      const clients = startClients();
      const count = quick ? Math.min(connections, 1_000) : connections;
      await clients.call('open', {
        port: server.port,
        path: channels === 1 ? '/live' : '/three',
        count,
        suffix: EVENT_SUFFIX,
      });

      const perWindow = Math.max(1, Math.round(DELIVERIES_PER_WINDOW / count / perTurn));
      let events = 0;
      const run = async (milliseconds) => {
        const before = events;
        const end = performance.now() + milliseconds / (quick ? 5 : 1);
        do {
          await server.call('publish', { turns: perWindow, perTurn, channels });
          events += perWindow * perTurn;
          // Every client has every event, in order, or there is no figure.
          await clients.call('received', { events: events * count });
        } while (performance.now() < end);
        return (events - before) * count;
      };

      await run(WARM_UP_MS);
      let delivered;
      const cpu = await measureCpu([server], async () => {
        delivered = await run(MEASURED_MS);
      });
      return { cpu: cpu / delivered };
    },
  };
}
