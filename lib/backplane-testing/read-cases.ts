import assert from 'node:assert/strict';
import {
  channelName,
  type ContractCases,
  dataOf,
  numbers,
  POSITION,
  publishAll,
  said,
  SETTINGS,
} from './contract-stage.js';

/** What no client can have been given: names of commands, ranges and wild cards of stores, and text that is too long. */
const HOSTILE = [
  '$',
  '-',
  '+',
  '>',
  '*',
  '0',
  '0-0',
  '(1-1',
  '1-*',
  '1',
  '-1',
  '..',
  '~',
  'a'.repeat(64),
  '1-1\r\nX',
  '',
  ' ',
];

export const readCases: ContractCases = {
  'reads what follows a position, page by page, if it retains': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      if (!node.retains) return;
      const positions = await publishAll(node, channel, numbers(10));
      assert.deepEqual(dataOf((await node.read(channel, undefined, 100)).entries), numbers(10));
      assert.deepEqual(dataOf((await node.read(channel, undefined, 3)).entries), ['0', '1', '2']);
      for (const [i, position] of positions.entries()) {
        const { entries, gap } = await node.read(channel, position, 4);
        assert.equal(gap, undefined);
        assert.deepEqual(dataOf(entries), numbers(10).slice(i + 1, i + 5));
      }
    },
  },

  'reads at least one entry, and stops before there are more bytes than were asked for, if it retains': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      if (!node.retains) return;
      const sizes = [9_000, 9_000, 9_000, 100_000, 1, 1, 1, 30_000];
      const data = sizes.map((size, i) => `${i}`.repeat(size));
      await publishAll(node, channel, data);
      const within = async (after: string | undefined, limit: number, maxBytes?: number): Promise<unknown[]> =>
        dataOf((await node.read(channel, after, limit, maxBytes)).entries);
      assert.deepEqual(await within(undefined, 100, 20_000), data.slice(0, 2));
      assert.deepEqual(await within(undefined, 1, 20_000), data.slice(0, 1));
      assert.deepEqual(await within(undefined, 100, 1), data.slice(0, 1));
      assert.deepEqual(await within(undefined, 100), data);
      // Read to its end, a page at a time: no page is empty before it, and none is too large.
      const read: unknown[] = [];
      for (let after: string | undefined; ;) {
        const { entries, gap } = await node.read(channel, after, 100, 20_000);
        assert.equal(gap, undefined);
        if (entries.length === 0) break;
        const bytes = entries.reduce((sum, { event }) => sum + (event.data ?? '').length, 0);
        assert.ok(entries.length === 1 || bytes <= 20_000, `${bytes} bytes in one page`);
        read.push(...dataOf(entries));
        after = entries.at(-1)?.position;
      }
      assert.deepEqual(read, data);
    },
  },

  'resumes from the head, and from the beginning of a channel that was empty, without a gap': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const { head } = await stage.listener(node, channel);
      if (head !== undefined) {
        assert.match(head, POSITION);
        assert.equal((await node.read(channel, head, 10)).gap, undefined);
      }
      const position = await node.publish(channel, said('1'), SETTINGS);
      assert.deepEqual(await node.read(channel, position, 10).then(({ entries, gap }) => [entries, gap]), [
        [],
        undefined,
      ]);
      if (head === undefined || !node.retains) return;
      assert.deepEqual(dataOf((await node.read(channel, head, 10)).entries), ['1']);
    },
  },

  'answers anything that is no position with a gap and no entries': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      await stage.listener(node, channel);
      await publishAll(node, channel, ['1', '2']);
      for (const position of HOSTILE) {
        const { entries, gap } = await node.read(channel, position, 10);
        assert.ok(gap !== undefined, `read() after ${JSON.stringify(position)} is a gap`);
        assert.deepEqual(entries, []);
      }
    },
  },

  'answers a position of another channel with a gap': {
    async check(stage) {
      const [node, channel, other] = [await stage.node(), channelName(), channelName()];
      await stage.listener(node, channel);
      await stage.listener(node, other);
      const [position] = await publishAll(node, other, ['other']);
      await publishAll(node, channel, ['1', '2']);
      const { entries, gap } = await node.read(channel, position, 10);
      assert.deepEqual(entries, []);
      assert.ok(gap !== undefined);
    },
  },

  'reads on one node what was published on another, at once, also where that node has not heard of it yet': {
    needsTwoNodes: true,
    async check(stage) {
      const [a, b, channel] = [await stage.node(), await stage.node(), channelName()];
      await stage.listener(b, channel);
      for (const data of numbers(20)) {
        const position = await a.publish(channel, said(data), SETTINGS);
        assert.equal((await b.read(channel, position, 10)).gap, undefined);
      }
    },
  },
};
