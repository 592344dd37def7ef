import assert from 'node:assert/strict';
import { isIdempotent } from '../backplane/abilities.js';
import type { SseBackplaneEvent } from '../backplane/backplane.js';
import { channelName, type ContractCases, dataOf, publishAll, said, SETTINGS } from './contract-stage.js';

export const keyCases: ContractCases = {
  'stores an event with a key once, if it is idempotent': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      if (!isIdempotent(node)) return;
      const listener = await stage.listener(node, channel);
      const other = channelName();
      await stage.listener(node, other);
      const keyed = { ...SETTINGS, key: 'one {of} a kind' };
      const positions = await Promise.all([1, 2, 3].map(async () => node.publish(channel, said('once'), keyed)));
      assert.equal(new Set(positions).size, 1);
      assert.notEqual(await node.publish(other, said('another channel'), keyed), positions[0]);
      await publishAll(node, channel, ['last']);
      await listener.untilData('last');
      assert.deepEqual(dataOf(listener.entries), ['once', 'last']);
    },
  },

  'stores an event with a key once when two nodes publish it, if it is idempotent': {
    needsTwoNodes: true,
    async check(stage) {
      const [a, b, channel] = [await stage.node(), await stage.node(), channelName()];
      if (!isIdempotent(a)) return;
      const keyed = { ...SETTINGS, key: 'k' };
      const listener = await stage.listener(a, channel);
      const [first, second] = await Promise.all([
        a.publish(channel, said('once'), keyed),
        b.publish(channel, said('once'), keyed),
      ]);
      assert.equal(first, second);
      await publishAll(b, channel, ['last']);
      await listener.untilData('last');
      assert.deepEqual(dataOf(listener.entries), ['once', 'last']);
    },
  },

  'says what was stored with a key, on a node that does not listen, if it is idempotent': {
    needsTwoNodes: true,
    async check(stage) {
      const [a, b, channel] = [await stage.node(), await stage.node(), channelName()];
      if (!isIdempotent(a) || !a.retains) return;
      const told: unknown[] = [];
      const keyed = { ...SETTINGS, key: 'k', onKnown: (event?: SseBackplaneEvent) => void told.push(event?.data) };
      const first = await a.publish(channel, said('first'), keyed);
      assert.deepEqual(told, [], 'onKnown() is not called for what is new');
      assert.equal(await b.publish(channel, said('second'), keyed), first);
      // Not to call it is allowed; to call it with anything else is not.
      assert.ok(told.length === 0 || (told.length === 1 && told[0] === 'first'), `onKnown(): ${JSON.stringify(told)}`);
    },
  },
};
