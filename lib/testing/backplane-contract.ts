import assert from 'node:assert/strict';
import {
  isIdempotent,
  isProducing,
  isSignalling,
  type SseObservableBackplane,
  type SseProducingBackplane,
} from '../backplane/abilities.js';
import type { SseBackplane, SseBackplaneEntry, SseBackplaneEvent, SsePublishSettings } from '../backplane/backplane.js';
import { RecordingListener } from './recording-listener.js';

/**
 * What the contract needs to know of a backplane to try it.
 *
 * @publicApi
 */
export interface SseBackplaneSubject {
  /** Makes one more node. Each case closes what it opens. */
  open(): SseBackplane | Promise<SseBackplane>;
  /**
   * Lets a node die: from now on nobody hears of it, as if its process were killed. Without it nobody tries what happens to
   * the channels that it produces into; that must then happen within 10 seconds.
   */
  crash?(node: SseBackplane): void | Promise<void>;
  /** Whether the nodes that `open()` makes share one store. `false`: what needs two nodes is left out. */
  readonly isShared: boolean;
}

/**
 * One promise of the port, to be run by any test runner.
 *
 * @publicApi
 */
export interface SseContractCase {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * Everything that {@link SseBackplane} promises, as cases: run them against your own implementation.
 *
 * They use channels that nobody else has, wait for facts and never for time, and throw an `AssertionError` for a promise that
 * is broken. A backplane without an ability is not asked for it.
 *
 * @example
 * for (const { name, run } of backplaneContract({ open: () => new MyBackplane(), isShared: true })) it(name, run);
 *
 * @publicApi
 */
export function backplaneContract(subject: SseBackplaneSubject): SseContractCase[] {
  return Object.entries(CASES)
    .filter(([, { needsTwoNodes }]) => subject.isShared || !needsTwoNodes)
    .map(([name, one]) => ({
      name,
      run: async () => {
        const stage = new Stage(subject);
        try {
          await one.check(stage);
        } finally {
          await stage.close();
        }
      },
    }));
}

const SETTINGS: SsePublishSettings = { history: { maxEvents: 1_000, maxBytes: 16_777_216, maxAgeMs: 300_000 } };

/** 1 to 64 characters, not digits alone: a bare number is what other libraries send. */
const POSITION = /^(?![0-9]+$)[A-Za-z0-9_-]{1,64}$/;

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

/** What a case has to play with. */
class Stage {
  private readonly opened: SseBackplane[] = [];

  constructor(private readonly subject: SseBackplaneSubject) {}

  async node(): Promise<SseBackplane> {
    const node = await this.subject.open();
    this.opened.push(node);
    return node;
  }

  async listener(node: SseBackplane, channel: string): Promise<RecordingListener> {
    const listener = new RecordingListener();
    listener.subscription = node.subscribe(channel, listener);
    await listener.until('ready()', () => listener.isReady);
    return listener;
  }

  /** A node that can produce, or nothing when this backplane cannot. */
  async producer(): Promise<(SseBackplane & SseProducingBackplane) | undefined> {
    const node = await this.node();
    return isProducing(node) ? node : undefined;
  }

  /** @returns whether that could be done */
  async crash(node: SseBackplane): Promise<boolean> {
    await this.subject.crash?.(node);
    return this.subject.crash !== undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.opened.map((node) => node.close()));
  }
}

interface Case {
  readonly needsTwoNodes?: boolean;
  check(stage: Stage): Promise<void>;
}

let lastChannel = 0;
/** Unique over processes too: a store may outlive a run. */
const channelName = (): string => `contract ${process.pid} ${Date.now()} ${++lastChannel}`;

/** What is said in the place of a producer that has died. */
const LAST_WORDS: readonly SseBackplaneEvent[] = [{ kind: 'event', data: 'last words' }, { kind: 'end' }];
const unexpected = (): never => assert.fail('a lease that is held was lost');

const said = (data: string): SseBackplaneEvent => ({ kind: 'event', data });
const dataOf = (entries: readonly SseBackplaneEntry[]): unknown[] => entries.map(({ event }) => event.data);
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`);

async function publishAll(
  node: SseBackplane,
  channel: string,
  data: readonly string[],
  settings = SETTINGS,
): Promise<string[]> {
  return await Promise.all(data.map(async (one) => node.publish(channel, said(one), settings)));
}

async function publishUntil(node: SseBackplane, channel: string, over: AbortSignal): Promise<void> {
  for (let i = 0; !over.aborted; i++) {
    await node.publish(channel, said(`${i}`), SETTINGS);
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function publishWith(
  node: SseBackplane,
  channel: string,
  maxEvents: number,
  data: readonly string[],
): Promise<string[]> {
  return await publishAll(node, channel, data, { history: { ...SETTINGS.history, maxEvents } });
}

const CASES: Readonly<Record<string, Case>> = {
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

  'answers a trimmed position with a gap, unless nothing behind it was dropped': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      await stage.listener(node, channel);
      const positions = await publishWith(node, channel, 2, numbers(5));
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
      const positions = await publishWith(node, channel, 0, ['1', '2']);
      await listener.untilData('2');
      assert.deepEqual(dataOf(listener.entries), ['1', '2']);
      assert.deepEqual(listener.gaps, []);
      const page = await node.read(channel, positions[1], 10);
      assert.deepEqual([page.entries, page.gap], [[], undefined]);
    },
  },

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

  'refuses everything once it is closed, and closes again without complaint': {
    async check(stage) {
      const [node, channel] = [await stage.node(), channelName()];
      await stage.listener(node, channel);
      await node.close();
      await node.close();
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

  'carries a signal to every node, if it can': {
    needsTwoNodes: true,
    async check(stage) {
      const [a, b] = [await stage.node(), await stage.node()];
      if (!isSignalling(a) || !isSignalling(b)) return;
      const [atA, atB] = [new RecordingListener(), new RecordingListener()];
      a.onSignal((message) => atA.note(message));
      b.onSignal((message) => atB.note(message));
      // Signals are not stored, and nobody says when a node has begun to hear: said again and again until both have.
      const hellos = setInterval(() => void a.signal('hello').catch(() => undefined), 5);
      try {
        for (const listener of [atA, atB]) await listener.until('a signal', () => listener.heard.includes('hello'));
      } finally {
        clearInterval(hellos);
      }
      await b.signal('last');
      for (const listener of [atA, atB]) await listener.until('the last signal', () => listener.heard.includes('last'));
    },
  },
};
