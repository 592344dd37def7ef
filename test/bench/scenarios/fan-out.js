import { EVENT_SUFFIX } from '../payload.js';

/** About as many deliveries are under way before clients are waited for: no client falls far behind. */
const DELIVERIES_PER_WINDOW = 20_000;

/** Before anything is measured: by then everything that is hot is compiled. */
const WARM_UP_DELIVERIES = 100_000;

/**
 * Events to many clients that have subscribed to the same channels.
 *
 * @param connections how many clients
 * @param perTurn events that are published in one turn of the event loop
 * @param channels channels that every client subscribes to; events go to each of them in turn
 * @param deliveries events that arrive while it is measured, at least
 */
export function fanOut({ name, title, connections, perTurn = 1, channels = 1, deliveries }) {
  return {
    name,
    title,
    subjects: [
      'node',
      'socket',
      'express',
      'fastify',
      'ours-express',
      'ours-fastify',
      'nest-express',
      'nest-fastify',
      'better-sse',
      'fastify-sse',
    ],
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
      const run = async (atLeast) => {
        const before = events;
        while ((events - before) * count < atLeast) {
          await server.call('publish', { turns: perWindow, perTurn, channels });
          events += perWindow * perTurn;
          await clients.call('received', { events: events * count });
        }
        return (events - before) * count;
      };

      await run(WARM_UP_DELIVERIES * (quick ? 0.5 : 1) * perTurn);
      let delivered;
      const cpu = await measureCpu(server, async () => {
        delivered = await run(quick ? deliveries / 4 : deliveries);
      });
      return { cpu: cpu / delivered };
    },
  };
}
