import assert from 'node:assert/strict';
import type { SseObservableBackplane } from '../backplane/abilities.js';
import { channelName, type ContractCases, said, SETTINGS } from './contract-stage.js';

export const nodeCases: ContractCases = {
  'refuses everything once it is closed, and closes again without complaint': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      await stage.listener(node, channel);
      for (let times = 0; times < 2; times++) await assert.doesNotReject(node.close());
      await assert.rejects(async () => node.publish(channel, said('x'), SETTINGS), { code: 'SSE_CLOSED' });
      await assert.rejects(node.read(channel, undefined, 1), { code: 'SSE_CLOSED' });
    },
  },

  'says how it is, if it can': {
    async check(stage) {
      const node = await stage.node();
      const { health } = node as Partial<SseObservableBackplane>;
      if (!health) return;
      await stage.listener(node, channelName());
      const answer = await health.call(node);
      assert.equal(answer.isUp, true, JSON.stringify(answer));
    },
  },
};
