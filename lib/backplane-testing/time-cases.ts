import assert from 'node:assert/strict';
import { isTimed, type SseTimedBackplane } from '../backplane/abilities.js';
import { channelName, dataOf, publishAll, publishKeeping, type ContractCases } from './contract-stage.js';

/** A time that no clock has reached: the year 2255. */
const LATER_MS = 9_000_000_000_000;

export const timeCases: ContractCases = {
  'finds the newest entry that was stored before a moment, if it can': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      if (!isTimed(node)) return;
      assert.equal(await node.positionBefore(channel, LATER_MS), undefined, 'nothing was stored');
      const [first] = await publishAll(node, channel, ['first']);
      const storedBy = await firstMoment(node, channel);
      // Until the clock of the store has moved on: what is stored in the same millisecond was not before the other.
      const newer: string[] = [];
      const isLater = async (): Promise<boolean> => (await node.positionBefore(channel, storedBy)) !== newer.at(-1);
      do {
        assert.ok(newer.length < 100, 'the clock of the store moves');
        await new Promise((resolve) => setTimeout(resolve, 1));
        newer.push(...(await publishAll(node, channel, ['newer'])));
      } while (!(await isLater()));
      assert.equal(await node.positionBefore(channel, LATER_MS), newer.at(-1));
      assert.equal(await node.positionBefore(channel, 0), undefined);
      assert.equal(await node.positionBefore(channel, storedBy - 1), undefined);
      const before = await node.positionBefore(channel, storedBy);
      assert.ok(
        [first, ...newer.slice(0, -1)].some((position) => position === before),
        'it is the newest of the millisecond before',
      );
      if (newer.length === 1) assert.equal(before, first);
      if (node.retains) assert.equal(dataOf((await node.read(channel, before, 10_000)).entries).at(-1), 'newer');
    },
  },

  'finds no entry that is not kept, if it can': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      if (!isTimed(node)) return;
      const positions = await publishKeeping(node, channel, 1, ['1', '2', '3']);
      assert.equal(await node.positionBefore(channel, LATER_MS), positions[2]);
      assert.equal(await node.positionBefore(channel, await firstMoment(node, channel)), positions[2]);
    },
  },
};

/** The first moment before which something was stored: the store's clock is not the caller's. */
async function firstMoment(node: SseTimedBackplane, channel: string): Promise<number> {
  let [none, some] = [0, LATER_MS];
  while (some - none > 1) {
    const middle = Math.floor((none + some) / 2);
    if ((await node.positionBefore(channel, middle)) === undefined) none = middle;
    else some = middle;
  }
  return some;
}
