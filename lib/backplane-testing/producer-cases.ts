import assert from 'node:assert/strict';
import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { channelName, type ContractCases, dataOf, numbers, publishAll, SETTINGS } from './contract-stage.js';

export const producerCases: ContractCases = {
  'lets one at a time produce into a channel, and another one when it has released it, if it can': {
    async check(stage) {
      const [node, channel] = [await stage.producer(), channelName()];
      if (!node) return;
      const other = (await stage.producer()) ?? node;
      const listener = await stage.listener(node, channel);
      const lease = await node.produce(channel, LAST_WORDS, SETTINGS, unexpected);
      assert.ok(lease, 'a channel without a producer can have one');
      for (const one of [node, other]) {
        assert.equal(await one.produce(channel, LAST_WORDS, SETTINGS, unexpected), undefined);
      }
      await node.publish(channel, { kind: 'start' }, SETTINGS);
      await publishAll(node, channel, numbers(20));
      await node.publish(channel, { kind: 'end' }, SETTINGS);
      await lease.release();
      await lease.release();
      const next = await other.produce(channel, LAST_WORDS, SETTINGS, unexpected);
      assert.ok(next, 'another one can produce then');
      // Nothing was stored by it: there is nothing to end.
      await next.release();
      await publishAll(other, channel, ['marker']);
      await listener.untilData('marker');
      // What has an end needs no last words.
      assert.deepEqual(
        listener.entries.map(({ event }) => event.data ?? event.kind),
        ['start', ...numbers(20), 'end', 'marker'],
      );
      assert.deepEqual(listener.gaps, []);
    },
  },

  'ends a channel that its producer releases without an end, if it can': {
    async check(stage) {
      const [node, channel] = [await stage.producer(), channelName()];
      if (!node) return;
      const listener = await stage.listener(node, channel);
      const lease = await node.produce(channel, LAST_WORDS, SETTINGS, unexpected);
      await node.publish(channel, { kind: 'start' }, SETTINGS);
      await publishAll(node, channel, ['unfinished']);
      await lease?.release();
      await listener.until('the end', () => listener.entries.at(-1)?.event.kind === 'end');
      assert.deepEqual(dataOf(listener.entries), [undefined, 'unfinished', 'last words', undefined]);
    },
  },

  'ends what a node that has died was producing, once, for everyone, if it can': {
    needsTwoNodes: true,
    async check(stage) {
      const [node, channel] = [await stage.producer(), channelName()];
      if (!node) return;
      const others = [await stage.node(), await stage.node()];
      const listeners = [await stage.listener(others[0]!, channel), await stage.listener(others[1]!, channel)];
      await node.produce(channel, LAST_WORDS, SETTINGS, () => undefined);
      await node.publish(channel, { kind: 'start' }, SETTINGS);
      await publishAll(node, channel, ['unfinished']);
      if (!(await stage.crash(node))) return;
      for (const listener of listeners) {
        await listener.until('the end', () => listener.entries.at(-1)?.event.kind === 'end');
      }
      await publishAll(others[0]!, channel, ['next life']);
      for (const listener of listeners) {
        await listener.untilData('next life');
        assert.deepEqual(dataOf(listener.entries), [undefined, 'unfinished', 'last words', undefined, 'next life']);
        assert.deepEqual(listener.gaps, []);
      }
    },
  },

  'tells every node whether one produces, and the newest event, if it can': {
    async check(stage) {
      const [node, channel] = [await stage.producer(), channelName()];
      if (!node) return;
      const other = (await stage.producer()) ?? node;
      assert.equal((await other.producing(channel)).isRunning, false, 'nobody produces yet');
      const lease = await node.produce(channel, LAST_WORDS, SETTINGS, unexpected);
      await node.publish(channel, { kind: 'start' }, SETTINGS);
      await publishAll(node, channel, ['newest']);
      for (const one of [node, other]) {
        const { isRunning, newest } = await one.producing(channel);
        assert.deepEqual([isRunning, newest?.data], [true, 'newest']);
      }
      await node.publish(channel, { kind: 'end', data: 'how it ended' }, SETTINGS);
      await lease?.release();
      for (const one of [node, other]) {
        const { isRunning, newest } = await one.producing(channel);
        assert.deepEqual([isRunning, newest?.kind, newest?.data], [false, 'end', 'how it ended']);
      }
    },
  },

  'lets one of several nodes produce that want to at the same moment, if it can': {
    needsTwoNodes: true,
    async check(stage) {
      const channel = channelName();
      const [a, b] = [await stage.producer(), await stage.producer()];
      if (!a || !b) return;
      const leases = await Promise.all(
        [a, b, b].map((node) => node.produce(channel, LAST_WORDS, SETTINGS, unexpected)),
      );
      assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
    },
  },

  'lets go of what a node produces into when it closes, if it can': {
    needsTwoNodes: true,
    async check(stage) {
      const [node, other, channel] = [await stage.producer(), await stage.producer(), channelName()];
      if (!node || !other) return;
      const listener = await stage.listener(other, channel);
      const lease = await node.produce(channel, LAST_WORDS, SETTINGS, unexpected);
      await publishAll(node, channel, ['unfinished']);
      await node.close();
      await listener.until('the end', () => listener.entries.at(-1)?.event.kind === 'end');
      assert.deepEqual(dataOf(listener.entries), ['unfinished', 'last words', undefined]);
      // What is over is not released again.
      await lease?.release();
      await publishAll(other, channel, ['marker']);
      await listener.untilData('marker');
      assert.equal(listener.entries.length, 4);
    },
  },
};

/** What is said in the place of a producer that has died. */
const LAST_WORDS: readonly SseBackplaneEvent[] = [{ kind: 'event', data: 'last words' }, { kind: 'end' }];
const unexpected = (): never => assert.fail('a lease that is held was lost');
