import { EVENT_SUFFIX } from '../payload.js';

/** 100 events a second: the machine has time to spare, so that what is measured is the way and not a queue. */
const INTERVAL_MS = 10;

/** Faster, until everything that is hot is compiled. */
const WARM_UP = { events: 600, intervalMs: 1.5 };

/**
 * From `publish()` on one node to clients that are spread over all nodes.
 *
 * @param connections in all, whatever the number of nodes; it can be divided by 1, 2 and 3
 */
export function redisDelivery({ name, title, connections }) {
  return {
    name,
    title,
    subjects: ['memory', 'redis-1', 'redis-2', 'redis-3'],
    metrics: {
      p50: 'ms from publish to receive, median',
      p99: 'ms, 99 of 100',
      cpu: 'µs of server CPU per delivered event, all nodes together',
      redisCpu: 'µs of Redis CPU per event',
    },

    async measure({ nodes, usesRedis, startRedis, startServer, startClients, measureCpu, quick }) {
      const redis = usesRedis ? await startRedis() : undefined;
      const servers = [];
      for (let node = 0; node < nodes; node++) servers.push(await startServer({ redis: redis && { url: redis.url } }));
      const clients = startClients();
      for (const { port } of servers) {
        const count = connections / nodes;
        await clients.call('open', { port, path: '/live', count, suffix: EVENT_SUFFIX, waitsForPosition: true });
      }
      let published = 0;
      const publish = async (options) => {
        const times = await servers[0].call('publishPaced', options);
        published += options.events;
        // Every client has every event, in order, or there is no figure.
        await clients.call('received', { events: published * connections });
        return times;
      };

      await publish(quick ? { ...WARM_UP, events: WARM_UP.events / 4 } : WARM_UP);
      await clients.call('watch');
      const events = quick ? 100 : 400;
      const before = await redis?.usage();
      let times;
      const cpu = await measureCpu(servers, async () => {
        times = await publish({ events, intervalMs: INTERVAL_MS });
      });
      const used = await redis?.usageSince(before);
      return {
        ...(await clients.call('latencies', times)),
        cpu: cpu / events / connections,
        ...(used && { redisCpu: used.cpu / events }),
      };
    },
  };
}
