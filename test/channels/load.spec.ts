import { startChild, type Child } from '../support/child.js';
import type { LoadPlan, LoadResult } from './apps/load-clients.app.js';
import { derivedEvent, DerivedReader, type ChannelIds } from './derived-events.js';

const CLIENTS = 500;
const EVENTS = 50_000;
const PER_SECOND = 5_000;
const PRELOADED = 100;
const channels = Array.from({ length: 50 }, (_, n) => `c${n}`);

describe('the reader of derived events', () => {
  const ids = { a: { hash: 'AAAAAAAA', prefix: 'a-' }, b: { hash: 'BBBBBBBB', prefix: 'b-' } };
  const frame = (channel: 'a' | 'b', n: number, id: string, data = derivedEvent(channel, n).data) =>
    `event: ${derivedEvent(channel, n).type}\nid: ${id}\n${data.replace(/^/gm, 'data: ')}\n\n`;
  const clean = { delivered: 1, repeated: 0, missing: 0, wrong: 0, gaps: 0 };

  it.each([
    ['is content with what is right', frame('a', 10, 'a-11'), {}],
    ['sees a repeat', frame('a', 9, 'a-10'), { repeated: 1 }],
    ['sees a hole', frame('a', 12, 'a-13'), { missing: 2 }],
    ['sees another content', frame('a', 10, 'a-11', 'a 10 x'), { wrong: 1 }],
    ['sees an event of another channel', frame('b', 10, 'b-11'), { wrong: 1 }],
    ["sees another event's id", frame('a', 10, 'a-10'), { wrong: 1 }],
    ['sees a gap', 'event: gap\nid: a-20\ndata: {}\n\n', { delivered: 0, gaps: 1 }],
  ])('%s', (_, text, faults) => {
    const reader = new DerivedReader(['a'], ids);
    reader.begin([10]);
    for (const character of text) reader.feed(character);
    expect(reader.verdict).toEqual({ ...clean, ...faults });
  });

  it('knows what a vector has to be', () => {
    const reader = new DerivedReader(['b', 'a'], ids);
    reader.begin([5, 7]);
    expect(reader.lastId).toBe('BBBBBBBB~b-5.AAAAAAAA~a-7');
    reader.feed(frame('a', 7, 'BBBBBBBB~b-5.AAAAAAAA~a-8') + frame('b', 5, 'BBBBBBBB~b-5.AAAAAAAA~a-8'));
    expect(reader.verdict).toEqual({ ...clean, delivered: 2, wrong: 1 });
  });
});

// Server and clients each in a process of its own, as in life: neither waits for the other's turn.
describe.each(['express', 'fastify'])('500 clients on %s', (platform) => {
  const children: Child[] = [];
  afterEach(() => children.splice(0).forEach((child) => child.process.kill()));

  it('come with random cursors, are cut and return while 5,000 events/s are published: nothing is lost or repeated', async () => {
    children.push(
      ...(await Promise.all([
        startChild('test/channels/apps/channels.app.ts', platform),
        startChild('test/channels/apps/load-clients.app.ts', platform),
      ])),
    );
    const [server, crowd] = children as [Child, Child];
    const ids = await server.ask<Record<string, ChannelIds>>('preload', { channels, each: PRELOADED });
    const publishing = server.ask<{ rate: number; counts: Record<string, number> }>('publish', {
      channels,
      total: EVENTS,
      perSecond: PER_SECOND,
    });
    const plan: LoadPlan = { url: server.url, ids, preloaded: PRELOADED, clients: CLIENTS, arriveMs: 8_000 };
    await crowd.ask('arrive', plan);
    const { rate, counts } = await publishing;
    const result = await crowd.ask<LoadResult>('finish', counts);
    const { delivered, repeated, missing, gaps, comebacks } = result;
    process.stdout.write(
      `  ${CLIENTS} clients on ${platform}: ${EVENTS} events published at ${rate}/s, ${delivered} delivered, ` +
        `${comebacks} cuts, ${repeated} repeated, ${missing} missing without a gap, ${gaps} gaps\n`,
    );
    expect(result).toMatchObject({ repeated: 0, missing: 0, wrong: 0, gaps: 0, finished: CLIENTS });
    expect(delivered).toBeGreaterThan(EVENTS * 10);
  });
});
