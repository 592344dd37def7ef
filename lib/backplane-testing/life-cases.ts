import assert from 'node:assert/strict';
import { channelName, type ContractCases, publishAll, SETTINGS } from './contract-stage.js';

export const lifeCases: ContractCases = {
  'begins a new life with a start: what was before is gone, listeners go on without a gap': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const listener = await stage.listener(node, channel);
      const [old] = await publishAll(node, channel, ['old']);
      await node.publish(channel, { kind: 'start' }, SETTINGS);
      const [position] = await publishAll(node, channel, ['new']);
      await listener.untilData('new');
      assert.deepEqual(
        listener.entries.map(({ event }) => event.kind),
        ['event', 'start', 'event'],
      );
      assert.deepEqual(listener.gaps, []);
      assert.ok((await node.read(channel, old, 10)).gap !== undefined, 'a position of the life before is a gap');
      assert.equal((await node.read(channel, position, 10)).gap, undefined);
    },
  },

  'says that a channel has ended, and begins a new life with the next event': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const listener = await stage.listener(node, channel);
      const [old] = await publishAll(node, channel, ['old']);
      const end = await node.publish(channel, { kind: 'end' }, SETTINGS);
      await listener.until('the end', () => listener.entries.at(-1)?.event.kind === 'end');
      const late = await stage.listener(node, channel);
      assert.deepEqual([late.head, late.isEnded], [end, true]);
      // To end it again changes nothing: what is told next is the next life.
      assert.equal(await node.publish(channel, { kind: 'end' }, SETTINGS), end);
      await publishAll(node, channel, ['new']);
      await listener.untilData('new');
      await late.untilData('new');
      assert.deepEqual([listener.gaps, late.gaps], [[], []]);
      assert.ok((await node.read(channel, old, 10)).gap !== undefined);
      assert.equal((await stage.listener(node, channel)).isEnded, false);
    },
  },
};
