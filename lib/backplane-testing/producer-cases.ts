import assert from 'node:assert/strict';
import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { channelName, type ContractCases, dataOf, numbers, publishAll, said, SETTINGS } from './contract-stage.js';

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
      await lease.publish({ kind: 'start' }, 0, SETTINGS);
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
      await lease?.publish({ kind: 'start' }, 0, SETTINGS);
      await lease?.publish(said('unfinished'), 1, SETTINGS);
      await lease?.release();
      await listener.until('the end', () => listener.entries.at(-1)?.event.kind === 'end');
      assert.deepEqual(dataOf(listener.entries), [undefined, 'unfinished', 'last words', undefined]);
    },
  },

  'stores what a producer says once, and only behind what it said before, if it can': {
    async check(stage) {
      const [node, channel] = [await stage.producer(), channelName()];
      if (!node) return;
      const listener = await stage.listener(node, channel);
      const lease = await node.produce(channel, LAST_WORDS, SETTINGS, unexpected);
      assert.ok(lease);
      await lease.publish({ kind: 'start' }, 0, SETTINGS);
      const first = await lease.publish(said('1'), 1, SETTINGS);
      assert.equal(await lease.publish(said('1'), 1, SETTINGS), first, 'tried again, it is the same event');
      await lease.publish(said('2'), 2, SETTINGS);
      await assert.rejects(lease.publish(said('4'), 4, SETTINGS), { code: 'SSE_PRODUCTION_LOST' });
      await assert.rejects(lease.end([{ kind: 'end' }], 3), { code: 'SSE_PRODUCTION_LOST' });
      const end = [said('a last event'), { kind: 'end', data: 'how it ended' }] as const;
      await lease.end(end, 2);
      await lease.end(end, 2);
      await lease.release();
      await publishAll(node, channel, ['marker']);
      await listener.untilData('marker');
      assert.deepEqual(dataOf(listener.entries), [undefined, '1', '2', 'a last event', 'how it ended', 'marker']);
    },
  },

  'begins no new life with what is produced when the channel was begun anew, and can say so, if it can': {
    async check(stage) {
      const [node, channel] = [await stage.producer(), channelName()];
      if (!node) return;
      const lease = await node.produce(channel, LAST_WORDS, SETTINGS, unexpected);
      assert.ok(lease);
      await lease.publish({ kind: 'start' }, 0, SETTINGS);
      await lease.publish(said('1'), 1, SETTINGS);
      await node.publish(channel, { kind: 'start' }, SETTINGS);
      await assert.rejects(lease.publish(said('2'), 2, SETTINGS), { code: 'SSE_PRODUCTION_LOST' });
      await assert.rejects(lease.end([{ kind: 'end' }], 1), { code: 'SSE_PRODUCTION_LOST' });
      await lease.end([said('it is lost'), { kind: 'end', data: 'failed' }], undefined);
      const { entries } = await node.read(channel, undefined, 10);
      assert.deepEqual(dataOf(entries).slice(-2), ['it is lost', 'failed']);
      assert.ok(!dataOf(entries).includes('2'));
    },
  },

  'ends what a node that has died was producing, once, for everyone, if it can': {
    needsTwoNodes: true,
    async check(stage) {
      const [node, channel] = [await stage.producer(), channelName()];
      if (!node) return;
      const others = [await stage.node(), await stage.node()];
      const listeners = [await stage.listener(others[0]!, channel), await stage.listener(others[1]!, channel)];
      const lease = await node.produce(channel, LAST_WORDS, SETTINGS, () => undefined);
      await lease?.publish({ kind: 'start' }, 0, SETTINGS);
      await lease?.publish(said('unfinished'), 1, SETTINGS);
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
      assert.equal((await other.producing(channel)).producer, undefined, 'nobody produces yet');
      const lease = await node.produce(channel, LAST_WORDS, SETTINGS, unexpected);
      assert.ok(lease && lease.id !== '');
      await lease.publish({ kind: 'start' }, 0, SETTINGS);
      await lease.publish(said('newest'), 1, SETTINGS);
      for (const one of [node, other]) {
        const { producer, newest } = await one.producing(channel);
        assert.deepEqual([producer, newest?.data], [lease.id, 'newest']);
      }
      await lease.end([{ kind: 'end', data: 'how it ended' }], 1);
      for (const one of [node, other]) {
        const { producer, newest } = await one.producing(channel);
        assert.deepEqual([producer, newest?.kind, newest?.data], [undefined, 'end', 'how it ended']);
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
      await lease?.publish(said('unfinished'), 0, SETTINGS);
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
