import { EVENT_SUFFIX } from '../payload.js';

/** Events that a channel keeps here: few, so that also 1,000 channels are full, and drop one for each that comes. */
const KEPT = 20;

/** Longer than the scenario: a channel that is checked meanwhile would cost a command that is no publish's. */
const NO_CHECKS_MS = 600_000;

/** What one publish costs Redis, with one client on each node for each channel. */
export function redisPublish({ name, title, topics, publishes }) {
  return {
    name,
    title,
    subjects: ['redis-1', 'redis-2', 'redis-3'],
    metrics: {
      commands: 'commands, those inside the script too',
      sent: 'commands that nodes send',
      bytesIn: 'bytes in',
      bytesOut: 'bytes out',
      redisCpu: 'µs of Redis CPU',
    },

    async measure({ nodes, startRedis, startServer, startClients, measureCpu, quick }) {
      const redis = await startRedis();
      const options = { redis: { url: redis.url, checkIntervalMs: NO_CHECKS_MS }, kept: KEPT };
      const servers = [];
      for (let node = 0; node < nodes; node++) servers.push(await startServer(options));
      const clients = startClients();
      for (const { port } of servers) {
        const path = '/topic/#';
        await clients.call('open', { port, path, count: topics, suffix: EVENT_SUFFIX, waitsForPosition: true });
      }
      let events = 0;
      const publish = async (rounds) => {
        await servers[0].call('publishToTopics', { rounds, topics });
        events += rounds * topics * nodes;
        await clients.call('received', { events });
      };

      await publish(KEPT + 1);
      const rounds = Math.ceil((quick ? publishes / 4 : publishes) / topics);
      const before = await redis.usage();
      await measureCpu(servers, () => publish(rounds));
      const used = await redis.usageSince(before);
      const of = (value) => value / rounds / topics;
      const byName = Object.fromEntries(used.byName.map(([command, calls]) => [`command ${command}`, of(calls)]));
      return {
        commands: of(used.commands),
        sent: of(used.byName.reduce((sum, [command, calls]) => sum + (/^eval/.test(command) ? calls : 0), 0)),
        bytesIn: of(used.bytesIn),
        bytesOut: of(used.bytesOut),
        redisCpu: of(used.cpu),
        ...byName,
      };
    },
  };
}
