import { Session } from 'node:inspector/promises';
import { writeFileSync } from 'node:fs';
import { writeHeapSnapshot } from 'node:v8';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.js';
import { FIRST, eventOf } from './payload.js';
import { plan } from './plan.js';
import { serveCalls } from './serve-calls.js';

/** The process of one subject: it serves, publishes when told, and says what that has cost. */

let subject;
let profiler;
const published = [];

serveCalls({
  async open({ module, replayed, ...options }) {
    const replay = Array.from({ length: replayed }, (_, index) => eventOf(0, FIRST + index));
    subject = await (await import(module)).open({ ...options, replay });
    await new Promise((resolve, reject) => {
      subject.server.once('error', reject);
      // As Node does by default, a queue of 511 connections: clients are paced.
      subject.server.listen(0, '127.0.0.1', resolve);
    });
    return { port: subject.server.address().port, resumeFrom: subject.resumeFrom };
  },

  plan: (wanted) => void Object.assign(plan, wanted),

  /** Publishes `perTurn` events in each of `turns` turns of the event loop, to `channels` channels in turn. */
  async publish({ turns, perTurn, channels }) {
    const results = [];
    for (let turn = 0, count = 0; turn < turns; turn++) {
      for (let i = 0; i < perTurn; i++, count++) {
        const channel = count % channels;
        published[channel] ??= 0;
        results.push(subject.publish(channel, eventOf(channel, FIRST + published[channel]++)));
      }
      await new Promise(setImmediate);
    }
    await Promise.all(results);
  },

  /**
   * Publishes `events` events to the first channel at a fixed rate, whatever becomes of them.
   *
   * @returns the number of the first, and when each was published, by `now()`
   */
  async publishPaced({ events, intervalMs }) {
    published[0] ??= 0;
    const first = FIRST + published[0];
    const publishedAt = [];
    const results = [];
    for (let at = now(); publishedAt.length < events; at += intervalMs) {
      const wait = at - now();
      if (wait > 0) await sleep(wait);
      const event = eventOf(0, FIRST + published[0]++);
      publishedAt.push(now());
      results.push(subject.publish(0, event));
    }
    await Promise.all(results);
    return { first, publishedAt };
  },

  /** Publishes `rounds` events to each of `topics` channels, one in a turn; a thousand at most wait for their answers. */
  async publishToTopics({ rounds, topics }) {
    let results = [];
    for (let round = 0; round < rounds; round++) {
      published[0] ??= 0;
      const event = eventOf(0, FIRST + published[0]++);
      for (let topic = 0; topic < topics; topic++) {
        results.push(subject.publishTo(topic, event));
        await new Promise(setImmediate);
        if (results.length < 1_000) continue;
        await Promise.all(results);
        results = [];
      }
    }
    await Promise.all(results);
  },

  /** CPU time of all threads of this process so far, in microseconds. */
  cpu() {
    const { user, system } = process.cpuUsage();
    return user + system;
  },

  /** What is resident when all garbage is gone, in bytes. */
  async memory() {
    // The first round finds what finalizers of the round before let go; the pauses let freed pages return.
    for (let round = 0; round < 5; round++) {
      gc();
      await sleep(100);
    }
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heapUsed };
  },

  usage: () => process.cpuUsage(),

  gc: () => gc(),

  async startProfile(interval = 200) {
    profiler = new Session();
    profiler.connect();
    await profiler.post('Profiler.enable');
    await profiler.post('Profiler.setSamplingInterval', { interval });
    await profiler.post('Profiler.start');
  },

  async stopProfile(file) {
    const { profile } = await profiler.post('Profiler.stop');
    writeFileSync(file, JSON.stringify(profile));
    profiler.disconnect();
  },

  snapshot: (file) => void writeHeapSnapshot(file),
});
