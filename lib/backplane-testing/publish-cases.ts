import assert from 'node:assert/strict';
import type { SseBackplane, SseBackplaneEvent } from '../backplane/backplane.js';
import type { RecordingListener } from './recording-listener.js';
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

export const publishCases: ContractCases = {
  'tells a listener everything in the order of the calls, once, after ready()': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const listener = await stage.listener(node, channel);
      const positions = await publishAll(node, channel, numbers(100));
      await listener.untilData('99');
      assert.deepEqual(dataOf(listener.entries), numbers(100));
      assert.deepEqual(
        listener.entries.map(({ position }) => position),
        positions,
        'publish() returns the position that the listener is told',
      );
      assert.equal(listener.readies, 1);
      assert.deepEqual(listener.gaps, []);
    },
  },

  'mints positions of its alphabet, never digits alone, never one twice': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const positions = await publishAll(node, channel, numbers(50));
      for (const position of positions) assert.match(position, POSITION);
      assert.equal(new Set(positions).size, 50);
    },
  },

  'refers each entry to the one before it, and the first to the head at ready()': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const listener = await stage.listener(node, channel);
      await publishAll(node, channel, numbers(20));
      await listener.untilData('19');
      const positions = listener.entries.map(({ position }) => position);
      assert.deepEqual(
        listener.entries.map(({ previous }) => previous),
        [listener.head, ...positions.slice(0, -1)],
      );
    },
  },

  'carries all fields of an event and every text': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const listener = await stage.listener(node, channel);
      const events: SseBackplaneEvent[] = [
        { kind: 'event', type: 'créé ✓', data: '{"a":"\\n","b":[1,2]}', retry: 3_000, comment: 'two\nlines' },
        { kind: 'event', data: '' },
        { kind: 'event', data: '\n\nline\n' },
        { kind: 'event', data: '\u2028\ufeff🙂\u0000' },
        { kind: 'event', type: 'no data' },
        { kind: 'event', comment: 'only a comment' },
        { kind: 'event', data: 'x'.repeat(100_000) },
        said('last'),
      ];
      for (const event of events) await node.publish(channel, event, SETTINGS);
      await listener.untilData('last');
      const plain = (event: SseBackplaneEvent): unknown => JSON.parse(JSON.stringify(event));
      assert.deepEqual(
        listener.entries.map(({ event }) => plain(event)),
        events.map(plain),
      );
    },
  },

  'tells several listeners of one channel the same in the same order': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const listeners = [await stage.listener(node, channel), await stage.listener(node, channel)];
      await publishAll(node, channel, numbers(50));
      for (const listener of listeners) await listener.untilData('49');
      assert.deepEqual(listeners[0]?.entries, listeners[1]?.entries);
    },
  },

  'begins a late listener at the head, without a hole and without a repeat, under load': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      // Someone listens all the time, or a backplane without a store forgets the channel in between.
      const witness = await stage.listener(node, channel);
      const load = new AbortController();
      const loading = publishUntil(node, channel, load.signal);
      const late: RecordingListener[] = [];
      try {
        for (let i = 0; i < 20; i++) {
          await witness.untilCount(witness.entries.length + 5);
          late.push(await stage.listener(node, channel));
        }
      } finally {
        load.abort();
      }
      await loading;
      await node.publish(channel, said('last'), SETTINGS);
      const all = [witness, ...late];
      for (const listener of all) await listener.untilData('last');
      const order = witness.entries.map(({ position }) => position);
      for (const listener of late) {
        const expected = order.slice(order.indexOf(listener.head ?? '') + 1);
        assert.deepEqual(
          listener.entries.map(({ position }) => position),
          expected,
        );
      }
    },
  },

  'tells nothing after the subscription was closed': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const [gone, marker] = [await stage.listener(node, channel), await stage.listener(node, channel)];
      await publishAll(node, channel, ['before']);
      await gone.untilData('before');
      gone.subscription?.close();
      gone.subscription?.close();
      await publishAll(node, channel, ['after']);
      await marker.untilData('after');
      assert.deepEqual(dataOf(gone.entries), ['before']);
    },
  },

  'keeps channels apart, whatever they are called': {
    async check(stage) {
      const node = await stage.node();
      const base = channelName();
      const channels = ['', ' ', '{', '}', '{}', '{a}', '*', ':', '%7B', '\n', 'A', 'a', 'ä', '🙂', '/../'].map(
        (end) => base + end,
      );
      const listeners = await Promise.all(channels.map((channel) => stage.listener(node, channel)));
      await Promise.all(channels.map(async (channel) => node.publish(channel, said(channel), SETTINGS)));
      for (const [i, listener] of listeners.entries()) {
        await listener.untilData(channels[i] ?? '');
        assert.deepEqual(dataOf(listener.entries), [channels[i]]);
      }
    },
  },

  'keeps the order when a listener publishes while it is told': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      const [first, second] = [await stage.listener(node, channel), await stage.listener(node, channel)];
      first.onEntry = ({ event }) => {
        if (event.data === 'question') void node.publish(channel, said('answer'), SETTINGS);
      };
      await node.publish(channel, said('question'), SETTINGS);
      for (const listener of [first, second]) await listener.untilData('answer');
      assert.deepEqual(dataOf(first.entries), ['question', 'answer']);
      assert.deepEqual(dataOf(second.entries), ['question', 'answer']);
    },
  },

  'tells the listeners of every node the same order, whoever publishes': {
    needsTwoNodes: true,
    async check(stage) {
      const [a, b, channel] = [await stage.node(), await stage.node(), channelName()];
      const listeners = [await stage.listener(a, channel), await stage.listener(b, channel)];
      await Promise.all([
        publishAll(
          a,
          channel,
          numbers(100).map((n) => `a${n}`),
        ),
        publishAll(
          b,
          channel,
          numbers(100).map((n) => `b${n}`),
        ),
      ]);
      for (const listener of listeners) await listener.untilCount(200);
      const [atA, atB] = listeners.map(({ entries }) => entries);
      assert.deepEqual(atA, atB);
      for (const name of ['a', 'b']) {
        const ofOne = dataOf(atA ?? []).filter((data) => String(data).startsWith(name));
        assert.deepEqual(
          ofOne,
          numbers(100).map((n) => `${name}${n}`),
        );
      }
    },
  },
};

async function publishUntil(node: SseBackplane, channel: string, over: AbortSignal): Promise<void> {
  for (let i = 0; !over.aborted; i++) {
    await node.publish(channel, said(`${i}`), SETTINGS);
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
