import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child.js';
import { busyMs } from './other-work.js';
import { RedisServer } from './redis-server.js';

/** The process of the load clients. */
export const CLIENT = 'client-process.js';

/**
 * What a scenario measures one subject with.
 *
 * @param children where the processes go that it starts: whoever calls ends them
 * @param context its `others` becomes how many cores others used meanwhile
 * @param options of the command line
 */
export function toolsFor({ scenario, contender, children, context, options }) {
  const keep = (child) => {
    children.push(child);
    return child;
  };
  const start = (...args) => keep(new Child(...args));
  const fileFor = (extension, server = 0) => {
    mkdirSync(options.profile, { recursive: true });
    const parts = [scenario.name, contender.name, ...(server === 0 ? [] : [`node-${server + 1}`]), extension];
    return resolve(options.profile, parts.join('.'));
  };
  const { name, module, platform, source, library, nodes, usesRedis } = contender;
  /** CPU time of this process and its children, in milliseconds. */
  const ownMs = async () => {
    const { user, system } = process.cpuUsage();
    const times = await Promise.all(children.map((child) => child.call('cpu')));
    return times.reduce((sum, time) => sum + time, user + system) / 1_000;
  };
  return {
    quick: options.quick,
    nodes,
    usesRedis,
    /** The subject, or one node of it, in a process of its own that listens. */
    async startServer({ replayed = 0, ...settings } = {}) {
      const server = start('server-process.js', [], ['--expose-gc']);
      const wanted = { module, platform, source, library, replayed, ...settings };
      return Object.assign(server, await server.call('open', wanted));
    },
    startRedis: async () => keep(await RedisServer.start()),
    startClients: () => start(CLIENT),
    startAnswerReaders: () => start('answers-process.js'),
    startProcess(file) {
      const child = start(file);
      const encoder = name.replace('-before', '');
      return { call: (method, args) => child.call(method, { ...args, encoder, library }) };
    },
    /** CPU time of all `servers` together, in microseconds, that `work` takes. */
    async measureCpu(servers, work) {
      const cpuOf = async () => {
        const times = await Promise.all(servers.map((server) => server.call('cpu')));
        return times.reduce((sum, time) => sum + time, 0);
      };
      if (options.profile) for (const server of servers) await server.call('startProfile');
      const startedAt = performance.now();
      const busyBefore = busyMs();
      const ownBefore = await ownMs();
      const before = await cpuOf();
      await work();
      const cpu = (await cpuOf()) - before;
      if (busyBefore !== undefined) {
        const others = busyMs() - busyBefore - ((await ownMs()) - ownBefore);
        context.others = Math.max(0, others / (performance.now() - startedAt));
      }
      if (options.profile) {
        for (const [index, server] of servers.entries()) await server.call('stopProfile', fileFor('cpuprofile', index));
      }
      return cpu;
    },
    async snapshot(server) {
      if (options.profile) await server.call('snapshot', fileFor('heapsnapshot'));
    },
    /** Until the last packets and finalizers are through. */
    settle: () => sleep(500),
  };
}
