import type { SseProducerLease } from '../../lib/backplane/abilities.js';
import type { SseBackplane, SseBackplaneEntry, SseBackplaneListener } from '../../lib/backplane/backplane.js';
import { MemoryBackplane } from '../../lib/backplane/memory-backplane.js';
import { backplaneContract } from '../../lib/backplane-testing/backplane-contract.js';
import { FakeBackplane } from '../following/fake-backplane.js';
import { FakeBroker } from '../following/fake-broker.js';

/** A lease of nothing. */
const anyLease: SseProducerLease = {
  id: 'any',
  publish: () => Promise.resolve(''),
  end: () => Promise.resolve(),
  release: () => Promise.resolve(),
};

/** A lease that does some things in another way. */
function changed(lease: SseProducerLease, changes: Partial<SseProducerLease>): SseProducerLease {
  return {
    id: lease.id,
    publish: (...args) => lease.publish(...args),
    end: (...args) => lease.end(...args),
    release: () => lease.release(),
    ...changes,
  };
}

/** What a broken node does in another way. */
type Break = (node: FakeBackplane, broker: FakeBroker) => Partial<FakeBackplane>;

/** How long a broken one is waited for. A sound one is never refused by it: it has told long before, or the case fails above. */
const SHORT_MS = 300;

function contractOf(breaks?: Break) {
  const broker = new FakeBroker();
  const sound = new Map<SseBackplane, FakeBackplane>();
  return backplaneContract({
    open: () => {
      const node = new FakeBackplane(broker);
      if (!breaks) return node;
      const broken = Object.create(node) as FakeBackplane;
      Object.assign(broken, breaks(node, broker));
      sound.set(broken, node);
      return broken;
    },
    crash: (node) => (sound.get(node) ?? (node as FakeBackplane)).cut(),
    isShared: true,
    patienceMs: breaks && SHORT_MS,
  });
}

/** A node whose listeners are told in another way. */
const telling =
  (change: (listener: SseBackplaneListener, channel: string) => Partial<SseBackplaneListener>): Break =>
  (node) => ({
    subscribe: (channel, listener) =>
      node.subscribe(channel, {
        ready: (head, isEnded) => listener.ready(head, isEnded),
        entry: (entry) => listener.entry(entry),
        gap: (reason, head) => listener.gap(reason, head),
        ...change(listener, channel),
      }),
  });

const reading =
  (
    change: (...args: [node: FakeBackplane, ...Parameters<FakeBackplane['read']>]) => ReturnType<FakeBackplane['read']>,
  ): Break =>
  (node) => ({ read: (...args) => change(node, ...args) });

const publishing =
  (
    change: (...args: [node: FakeBackplane, ...Parameters<FakeBackplane['publish']>]) => string | Promise<string>,
  ): Break =>
  (node) => ({ publish: async (...args) => change(node, ...args) });

/** Each obligation of the port, broken alone: the case that must notice it. */
const MUTANTS: readonly (readonly [what: string, noticedBy: string, breaks: Break])[] = [
  // --- publishing and subscribing
  [
    'an entry is not told',
    'tells a listener everything in the order of the calls, once, after ready()',
    telling((listener) => ({ entry: (entry) => void (entry.event.data !== '50' && listener.entry(entry)) })),
  ],
  [
    'an entry is told twice',
    'tells a listener everything in the order of the calls, once, after ready()',
    telling((listener) => ({
      entry: (entry) => {
        listener.entry(entry);
        if (entry.event.data === '50') listener.entry(entry);
      },
    })),
  ],
  [
    'two entries change places',
    'tells a listener everything in the order of the calls, once, after ready()',
    telling((listener) => {
      let late: SseBackplaneEntry | undefined;
      return {
        entry: (entry) => {
          if (entry.event.data === '50') return void (late = entry);
          listener.entry(entry);
          if (late) listener.entry(late);
          late = undefined;
        },
      };
    }),
  ],
  [
    'ready() comes twice',
    'tells a listener everything in the order of the calls, once, after ready()',
    telling((listener) => ({
      ready: (head, isEnded) => {
        listener.ready(head, isEnded);
        listener.ready(head, isEnded);
      },
    })),
  ],
  [
    'ready() comes after the first entry',
    'tells a listener everything in the order of the calls, once, after ready()',
    telling((listener) => ({
      ready: (head, isEnded) => void setTimeout(() => listener.ready(head, isEnded), 1_000_000).unref(),
    })),
  ],
  [
    'publish() returns another position',
    'tells a listener everything in the order of the calls, once, after ready()',
    publishing(async (node, ...args) => `${await node.publish(...args)}0`),
  ],
  [
    'a gap is told without a loss',
    'tells a listener everything in the order of the calls, once, after ready()',
    telling((listener) => ({
      entry: (entry) => {
        if (entry.event.data === '50') listener.gap('store_lost', entry.previous);
        listener.entry(entry);
      },
    })),
  ],
  [
    'positions are digits alone',
    'mints positions of its alphabet, never digits alone, never one twice',
    publishing(async (node, ...args) => `${Number.parseInt(await node.publish(...args))}`),
  ],
  [
    'a position is given twice',
    'mints positions of its alphabet, never digits alone, never one twice',
    publishing(async (node, ...args) => `${(await node.publish(...args)).slice(0, 10)}-x`),
  ],
  [
    'entries do not refer to the one before',
    'refers each entry to the one before it, and the first to the head at ready()',
    telling((listener) => ({ entry: (entry) => listener.entry({ ...entry, previous: entry.position }) })),
  ],
  [
    'ready() says another head',
    'refers each entry to the one before it, and the first to the head at ready()',
    telling((listener) => ({ ready: (_, isEnded) => listener.ready('1-x', isEnded) })),
  ],
  [
    'the type is lost',
    'carries all fields of an event and every text',
    publishing((node, channel, event, settings) => node.publish(channel, { ...event, type: undefined }, settings)),
  ],
  [
    'text is normalised',
    'carries all fields of an event and every text',
    publishing((node, channel, event, settings) =>
      node.publish(channel, { ...event, data: event.data?.trim() }, settings),
    ),
  ],
  [
    'only the first listener is told',
    'tells several listeners of one channel the same in the same order',
    (node) => {
      const known = new Set<string>();
      return {
        subscribe: (channel, listener) => {
          const isFirst = !known.has(channel);
          known.add(channel);
          return node.subscribe(channel, {
            ready: (head, isEnded) => listener.ready(head, isEnded),
            entry: (entry) => void (isFirst && listener.entry(entry)),
            gap: () => undefined,
          });
        },
      };
    },
  ],
  [
    'a late listener is told the head again',
    'begins a late listener at the head, without a hole and without a repeat, under load',
    (node) => {
      const last = new Map<string, SseBackplaneEntry>();
      return telling((listener, channel) => ({
        ready: (head, isEnded) => {
          listener.ready(head, isEnded);
          const entry = last.get(channel);
          if (entry) listener.entry(entry);
        },
        entry: (entry) => {
          last.set(channel, entry);
          listener.entry(entry);
        },
      }))(node, undefined as never);
    },
  ],
  [
    'a late listener misses what comes first',
    'begins a late listener at the head, without a hole and without a repeat, under load',
    telling((listener) => {
      let count = 0;
      return { entry: (entry) => void ((count++ > 0 || entry.event.data === '0') && listener.entry(entry)) };
    }),
  ],
  [
    'close() closes nothing',
    'tells nothing after the subscription was closed',
    (node) => ({ subscribe: (...args) => (node.subscribe(...args), { close: () => undefined }) }),
  ],
  [
    'names that differ in case are one channel',
    'keeps channels apart, whatever they are called',
    (node) => ({
      publish: (channel, ...args) => node.publish(channel.toLowerCase(), ...args),
      subscribe: (channel, listener) => node.subscribe(channel.toLowerCase(), listener),
    }),
  ],
  [
    'what a listener publishes is told before what it was told',
    'keeps the order when a listener publishes while it is told',
    telling((listener, channel) => {
      let waiting: SseBackplaneEntry | undefined;
      return {
        entry: (entry) => {
          if (channel && entry.event.data === 'question') {
            waiting = entry;
            // The other listeners hear of the question after the answer.
            listener.entry({ ...entry, event: { kind: 'event', data: 'answer' } });
          } else {
            if (waiting) listener.entry(waiting);
            waiting = undefined;
          }
        },
      };
    }),
  ],
  [
    'each node has an order of its own',
    'tells the listeners of every node the same order, whoever publishes',
    (() => {
      let nodes = 0;
      return (node: FakeBackplane) => {
        const mine = nodes++ % 2 === 0 ? 'a' : 'b';
        return telling((listener) => {
          let late: SseBackplaneEntry[] = [];
          return {
            entry: (entry) => {
              // Its own first: what the others have published comes when all of its own is told.
              if (entry.event.data?.startsWith(mine)) listener.entry(entry);
              else late.push(entry);
              if (entry.event.data === `${mine}99`) {
                for (const one of late) listener.entry(one);
                late = [];
              }
            },
          };
        })(node, undefined as never);
      };
    })(),
  ],

  // --- reading
  [
    'reading is exclusive of nothing',
    'reads what follows a position, page by page, if it retains',
    reading(async (node, channel, after, limit) => {
      const page = await node.read(channel, undefined, 1_000);
      const at = page.entries.findIndex(({ position }) => position === after);
      return { entries: page.entries.slice(Math.max(at, 0), Math.max(at, 0) + limit) };
    }),
  ],
  [
    'the limit of entries is ignored',
    'reads what follows a position, page by page, if it retains',
    reading((node, channel, after) => node.read(channel, after, 1_000)),
  ],
  [
    'the limit of bytes is ignored',
    'reads at least one entry, and stops before there are more bytes than were asked for, if it retains',
    reading((node, channel, after, limit) => node.read(channel, after, limit)),
  ],
  [
    'a page is empty when the first entry is too large',
    'reads at least one entry, and stops before there are more bytes than were asked for, if it retains',
    reading(async (node, channel, after, limit, maxBytes) => {
      const page = await node.read(channel, after, limit, maxBytes);
      const bytes = (page.entries[0]?.event.data ?? '').length;
      return bytes > (maxBytes ?? Infinity) ? { entries: [] } : page;
    }),
  ],
  [
    'the head is a gap',
    'resumes from the head, and from the beginning of a channel that was empty, without a gap',
    reading(async (node, channel, after, limit, maxBytes) => {
      const page = await node.read(channel, after, limit, maxBytes);
      return page.entries.length > 0 ? page : { entries: [], gap: 'trimmed' };
    }),
  ],
  [
    'what is no position is read from the beginning',
    'answers anything that is no position with a gap and no entries',
    reading(async (node, channel, after, limit, maxBytes) => {
      const page = await node.read(channel, after, limit, maxBytes);
      return page.gap === 'malformed' ? await node.read(channel, undefined, limit, maxBytes) : page;
    }),
  ],
  [
    'a position holds in every channel',
    'answers a position of another channel with a gap',
    reading(async (node, channel, after, limit, maxBytes) => {
      const page = await node.read(channel, after, limit, maxBytes);
      return page.gap === undefined || page.gap === 'malformed' ? page : await node.read(channel, undefined, limit);
    }),
  ],
  [
    'a node reads only what it has heard of',
    'reads on one node what was published on another, at once, also where that node has not heard of it yet',
    (node) => {
      const own = new Set<string>();
      return {
        publish: async (...args) => {
          const position = await node.publish(...args);
          own.add(position);
          return position;
        },
        read: async (channel, after, ...bounds) =>
          after === undefined || own.has(after)
            ? await node.read(channel, after, ...bounds)
            : { entries: [], gap: 'unknown' },
      };
    },
  ],

  // --- keeping a history
  [
    'what follows a position is a later range',
    'answers a trimmed position with a gap, unless nothing behind it was dropped',
    reading(async (node, channel, after, limit, maxBytes) => {
      const page = await node.read(channel, after, limit, maxBytes);
      return page.gap === 'trimmed' ? await node.read(channel, undefined, limit, maxBytes) : page;
    }),
  ],
  [
    'nothing is ever dropped',
    'answers a trimmed position with a gap, unless nothing behind it was dropped',
    publishing((node, channel, event, settings) =>
      node.publish(channel, event, { ...settings, history: { ...settings.history, maxEvents: 1_000 } }),
    ),
  ],
  [
    'the position before the oldest entry is a gap',
    'answers a trimmed position with a gap, unless nothing behind it was dropped',
    reading(async (node, channel, after, limit, maxBytes) => {
      const { entries } = await node.read(channel, undefined, 1_000);
      const isKept = after === undefined || entries.some(({ position }) => position === after);
      return isKept ? await node.read(channel, after, limit, maxBytes) : { entries: [], gap: 'trimmed' };
    }),
  ],
  [
    'what is not kept is not delivered',
    'delivers what it keeps nothing of, and its head is no gap',
    publishing(async (node, channel, event, settings) =>
      settings.history.maxEvents === 0 ? '1-x' : await node.publish(channel, event, settings),
    ),
  ],
  [
    'it never says that the beginning is gone',
    'says whether the beginning is gone, if it retains',
    reading(async (node, ...args) => ({ ...(await node.read(...args)), isTrimmed: undefined })),
  ],
  [
    'it always says that the beginning is gone',
    'says whether the beginning is gone, if it retains',
    reading(async (node, ...args) => ({ ...(await node.read(...args)), isTrimmed: true })),
  ],

  // --- starts and ends
  [
    'a start begins no new life',
    'begins a new life with a start: what was before is gone, listeners go on without a gap',
    publishing((node, channel, event, settings) =>
      node.publish(channel, { ...event, kind: event.kind === 'start' ? 'event' : event.kind }, settings),
    ),
  ],
  [
    'a start is a gap to who listens',
    'begins a new life with a start: what was before is gone, listeners go on without a gap',
    telling((listener) => ({
      entry: (entry) => {
        if (entry.event.kind === 'start') listener.gap('foreign', entry.previous);
        listener.entry(entry);
      },
    })),
  ],
  [
    'what follows an end goes on with the life',
    'says that a channel has ended, and begins a new life with the next event',
    (node, broker) => ({
      publish: (channel, event, settings) => {
        const stream = broker.streams.get(channel);
        if (stream && event.kind === 'event') stream.isEnded = false;
        return node.publish(channel, event, settings);
      },
    }),
  ],
  [
    'nobody is told that a channel has ended',
    'says that a channel has ended, and begins a new life with the next event',
    telling((listener) => ({ ready: (head) => listener.ready(head, false) })),
  ],
  [
    'an end after an end is stored',
    'says that a channel has ended, and begins a new life with the next event',
    (node, broker) => ({
      publish: async (channel, event, settings) =>
        event.kind === 'end'
          ? broker.append(channel, event, settings.history)
          : await node.publish(channel, event, settings),
    }),
  ],

  // --- keys
  [
    'keys are ignored',
    'stores an event with a key once, if it is idempotent',
    publishing((node, channel, event, settings) => node.publish(channel, event, { ...settings, key: undefined })),
  ],
  [
    'a key holds in every channel',
    'stores an event with a key once, if it is idempotent',
    (node, broker) => ({
      publish: async (channel, event, settings) => {
        const known = [...broker.keys].find(([key]) => key.endsWith(`:${settings.key}`));
        return known && settings.key ? known[1].position : await node.publish(channel, event, settings);
      },
    }),
  ],
  [
    'a key holds on one node',
    'stores an event with a key once when two nodes publish it, if it is idempotent',
    (() => {
      let nodes = 0;
      return (node: FakeBackplane) => {
        const id = nodes++;
        return {
          publish: (channel, event, settings) =>
            node.publish(channel, event, { ...settings, key: settings.key && `${id} ${settings.key}` }),
        };
      };
    })(),
  ],
  [
    'onKnown() is called with what was offered',
    'says what was stored with a key, on a node that does not listen, if it is idempotent',
    publishing((node, channel, event, settings) =>
      node.publish(channel, event, { ...settings, onKnown: () => settings.onKnown?.(event) }),
    ),
  ],
  [
    'onKnown() is called for what is new',
    'says what was stored with a key, on a node that does not listen, if it is idempotent',
    publishing((node, channel, event, settings) => {
      settings.onKnown?.(event);
      return node.publish(channel, event, { ...settings, onKnown: undefined });
    }),
  ],

  // --- times
  [
    'the moment is ignored',
    'finds the newest entry that was stored before a moment, if it can',
    (node) => ({ positionBefore: (channel, time) => node.positionBefore(channel, time === 0 ? 0 : Infinity) }),
  ],
  [
    'the oldest entry is found',
    'finds the newest entry that was stored before a moment, if it can',
    (node, broker) => ({
      positionBefore: async (channel, time) =>
        (await node.positionBefore(channel, time)) && broker.streams.get(channel)?.entries[0]?.position,
    }),
  ],
  [
    'an entry is found that is not kept',
    'finds no entry that is not kept, if it can',
    (node) => {
      const first = new Map<string, string>();
      return {
        publish: async (channel, event, settings) => {
          const position = await node.publish(channel, event, settings);
          if (!first.has(channel)) first.set(channel, position);
          return position;
        },
        positionBefore: async (channel, time) => {
          const oldest = first.get(channel);
          const isLater = oldest !== undefined && Number.parseInt(oldest) < time;
          return (await node.positionBefore(channel, time)) ?? (isLater ? oldest : undefined);
        },
      };
    },
  ],

  // --- producing
  [
    'everybody may produce',
    'lets one at a time produce into a channel, and another one when it has released it, if it can',
    (node) => ({
      // Nothing is asked: a lease of its own for everybody.
      produce: async (channel, ...args) => (await node.produce(channel, ...args)) ?? anyLease,
    }),
  ],
  [
    'nobody may produce after the first',
    'lets one at a time produce into a channel, and another one when it has released it, if it can',
    (node, broker) => ({
      produce: async (channel, ...args) => {
        const lease = await node.produce(channel, ...args);
        return lease && changed(lease, { release: async () => void broker.streams.get(channel) });
      },
    }),
  ],
  [
    'last words are said behind an end',
    'lets one at a time produce into a channel, and another one when it has released it, if it can',
    (node) => ({
      produce: async (channel, words, settings, onLost) => {
        const lease = await node.produce(channel, words, settings, onLost);
        return (
          lease &&
          changed(lease, {
            release: async () => {
              await lease.release();
              await node.publish(channel, { kind: 'event', data: 'last words' }, { ...settings, key: undefined });
            },
          })
        );
      },
    }),
  ],
  [
    'a release says no last words',
    'ends a channel that its producer releases without an end, if it can',
    (node) => ({ produce: (channel, _, ...args) => node.produce(channel, [], ...args) }),
  ],
  [
    'nobody ends what a dead node has left',
    'ends what a node that has died was producing, once, for everyone, if it can',
    (node, broker) => ({
      produce: async (channel, ...args) => {
        const lease = await node.produce(channel, ...args);
        // Nobody notices that it is dead.
        Object.defineProperty(broker.producers.get(channel), 'isDead', { get: () => false, set: () => undefined });
        return lease;
      },
    }),
  ],
  [
    'a node knows only of itself that it produces',
    'tells every node whether one produces, and the newest event, if it can',
    (node) => {
      const own = new Set<string>();
      return {
        produce: (channel, ...args) => {
          own.add(channel);
          return node.produce(channel, ...args);
        },
        producing: async (channel) => {
          const { producer, newest } = await node.producing(channel);
          return { producer: own.has(channel) ? producer : undefined, newest };
        },
      };
    },
  ],
  [
    'what an end says is lost',
    'tells every node whether one produces, and the newest event, if it can',
    (node) => ({
      producing: async (channel) => {
        const { producer, newest } = await node.producing(channel);
        return { producer, newest: newest && { ...newest, data: newest.kind === 'end' ? undefined : newest.data } };
      },
    }),
  ],
  [
    'two nodes may produce when they ask at the same moment',
    'lets one of several nodes produce that want to at the same moment, if it can',
    (node) => ({
      produce: async (...args) => (await node.produce(...args)) ?? anyLease,
    }),
  ],
  [
    'an event that is tried again is stored again',
    'stores what a producer says once, and only behind what it said before, if it can',
    (node) => ({
      produce: async (...args) => {
        const lease = await node.produce(...args);
        let number = 0;
        return lease && changed(lease, { publish: (event, _, settings) => lease.publish(event, number++, settings) });
      },
    }),
  ],
  [
    'an end is stored whatever is missing',
    'stores what a producer says once, and only behind what it said before, if it can',
    (node) => ({
      produce: async (...args) => {
        const lease = await node.produce(...args);
        return lease && changed(lease, { end: (events) => lease.end(events, undefined) });
      },
    }),
  ],
  [
    'what is produced goes on in another life',
    'begins no new life with what is produced when the channel was begun anew, and can say so, if it can',
    (node) => ({
      produce: async (channel, ...args) => {
        const lease = await node.produce(channel, ...args);
        return (
          lease && changed(lease, { publish: async (event, _, settings) => node.publish(channel, event, settings) })
        );
      },
    }),
  ],
  [
    'a node that closes says no last words',
    'lets go of what a node produces into when it closes, if it can',
    (node, broker) => ({
      close: () => {
        broker.producers.clear();
        return node.close();
      },
    }),
  ],

  // --- signals
  [
    'a signal reaches its own node only',
    'carries a signal to every node, once, if it can',
    (node) => {
      let tell: (message: string) => void = () => undefined;
      return {
        onSignal: (listener) => void (tell = listener),
        signal: async (message) => tell(message),
        close: () => node.close(),
      };
    },
  ],
  [
    'a signal is heard twice',
    'carries a signal to every node, once, if it can',
    (node) => ({
      onSignal: (listener) =>
        node.onSignal((message) => {
          listener(message);
          listener(message);
        }),
    }),
  ],

  // --- health and closing
  [
    'a closed one still publishes',
    'refuses everything once it is closed, and closes again without complaint',
    () => ({ close: () => Promise.resolve() }),
  ],
  [
    'a second close() rejects',
    'refuses everything once it is closed, and closes again without complaint',
    (node) => {
      let isClosed = false;
      return {
        close: async () => {
          if (isClosed) throw new Error('closed already');
          isClosed = true;
          await node.close();
        },
      };
    },
  ],
  [
    'one that is well says that it is not',
    'says how it is, if it can',
    () => ({ health: () => Promise.resolve({ isUp: false }) }),
  ],
];

describe('the contract of a backplane', () => {
  it('is kept by one that has every ability, and by the one in memory', async () => {
    const memory = backplaneContract({ open: () => new MemoryBackplane(), isShared: false });
    for (const { run } of [...contractOf(), ...memory]) await run();
  });

  it.each(MUTANTS)('is broken, and says so, when %s: "%s"', async (_, noticedBy, breaks) => {
    const one = contractOf(breaks).find(({ name }) => name === noticedBy);
    const failure = await one!.run().then(
      () => undefined,
      (error: Error & { code?: string }) => error,
    );
    // Not by an accident: an assertion has failed, or something was never told.
    const isNoticed = failure?.code === 'ERR_ASSERTION' || failure?.message.startsWith('The backplane did not tell: ');
    expect({ isNoticed, failure: `${failure?.message}` }).toMatchObject({ isNoticed: true });
  });

  it('has no case that no broken one fails', () => {
    const noticing = new Set(MUTANTS.map(([, name]) => name));
    expect(
      contractOf()
        .map(({ name }) => name)
        .filter((name) => !noticing.has(name)),
    ).toEqual([]);
  });
});
