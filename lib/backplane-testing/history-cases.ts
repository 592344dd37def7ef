import assert from 'node:assert/strict';
import { channelName, type ContractCases, dataOf, numbers, publishKeeping, SETTINGS } from './contract-stage.js';

export const historyCases: ContractCases = {
  'answers a trimmed position with a gap, unless nothing behind it was dropped': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      await stage.listener(node, channel);
      const positions = await publishKeeping(node, channel, 2, numbers(5));
      const old = await node.read(channel, positions[0], 10);
      assert.deepEqual([old.entries, old.gap !== undefined], [[], true]);
      if (!node.retains) return;
      const edge = await node.read(channel, positions[2], 10);
      assert.deepEqual([dataOf(edge.entries), edge.gap], [['3', '4'], undefined]);
      assert.deepEqual(dataOf((await node.read(channel, undefined, 10)).entries), ['3', '4']);
    },
  },

  'delivers what it keeps nothing of, and its head is no gap': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const listener = await stage.listener(node, channel);
      const positions = await publishKeeping(node, channel, 0, ['1', '2']);
      await listener.untilData('2');
      assert.deepEqual(dataOf(listener.entries), ['1', '2']);
      assert.deepEqual(listener.gaps, []);
      const page = await node.read(channel, positions[1], 10);
      assert.deepEqual([page.entries, page.gap], [[], undefined]);
    },
  },

  'says whether the beginning is gone, if it retains': {
    async check(stage) {
      const node = await stage.node();
      if (!node.retains) return;
      const isTrimmed = async (channel: string): Promise<boolean> =>
        (await node.read(channel, undefined, 10)).isTrimmed === true;
      const [whole, trimmed, kept] = [channelName(), channelName(), channelName()];
      assert.equal(await isTrimmed(whole), false, 'nothing was published');
      await publishKeeping(node, whole, 2, ['1', '2']);
      assert.equal(await isTrimmed(whole), false, 'all is kept');
      await publishKeeping(node, trimmed, 2, ['1', '2', '3']);
      assert.equal(await isTrimmed(trimmed), true, 'the first is gone');
      await publishKeeping(node, kept, 0, ['1']);
      assert.equal(await isTrimmed(kept), true, 'nothing is kept');
      // A start alone is nothing that a client could miss.
      await node.publish(whole, { kind: 'start' }, SETTINGS);
      await publishKeeping(node, whole, 2, ['1', '2']);
      assert.deepEqual(dataOf((await node.read(whole, undefined, 10)).entries), ['1', '2']);
      assert.equal(await isTrimmed(whole), false, 'only the start is gone');
    },
  },
};
