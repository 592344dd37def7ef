import 'reflect-metadata';
import { Controller, Query } from '@nestjs/common';
import fc from 'fast-check';
import { hashChannel } from '../../lib/channel/position-vector.js';
import { Sse, SseBroadcaster, SseConnections, SseModule } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { runs } from '../support/runs.js';
import { until } from '../support/until.js';
import { Follower } from './oracle.js';

@Controller()
class Feeds {
  constructor(private readonly broadcaster: SseBroadcaster) {}
  @Sse('feed') feed(@Query('channels') channels: string) {
    return this.broadcaster.subscribe(channels.split(','));
  }
}

/** A client's connections: to which channels, in this order, and what is published while it is there, and while it is away. */
const visits = fc.array(
  fc.record({
    channels: fc.shuffledSubarray(['a', 'b', 'c', 'd', 'e'], { minLength: 1 }),
    here: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 8 }),
    away: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 8 }),
  }),
  { minLength: 2, maxLength: 6 },
);

type Visit = typeof visits extends fc.Arbitrary<(infer One)[]> ? One : never;

/** A client whose channels change, and what it has to get by the ids that it brings. */
class Wanderer extends Follower {
  readonly due: Record<string, string[]> = {};
  gapsDue = 0;
  private readonly published: Record<string, string[]> = {};
  /** Of which channel the id is, when it is no vector. */
  private owner = '';

  constructor(
    private readonly broadcaster: SseBroadcaster,
    private readonly base: string,
    private readonly prefix: string,
  ) {
    super('');
  }

  async visit({ channels, here, away }: Visit): Promise<void> {
    const { lastId } = this;
    const isKnown = lastId !== undefined && channels.some((one) => this.countOf(one) !== undefined);
    if (lastId !== undefined && !isKnown) this.gapsDue++;
    for (const one of channels) this.owe(one, (this.published[one] ?? []).slice(this.countOf(one) ?? Infinity));
    this.url = `${this.base}/feed?channels=${channels.map((one) => this.prefix + one).join()}`;
    await this.connect();
    await until(() => channels.every((one) => this.broadcaster.subscribers(this.prefix + one) === 1));
    // It may be cut at any moment from now on: what it does not know yet where it stands in, it would lose.
    await until(() => {
      if (this.lastId !== lastId && !this.lastId!.includes('~')) this.owner = channels[0]!;
      return this.gaps === this.gapsDue && channels.every((one) => this.countOf(one) !== undefined);
    }, `the client knows where it stands in ${channels.join()}, by ${this.lastId}`);
    for (const one of here) {
      const data = await this.publish(one);
      if (channels.includes(one)) this.owe(one, [data]);
    }
    const count = Object.values(this.due).flat().length;
    await until(() => this.seen.length - this.gaps >= count, 'the client has what is due');
    if (this.lastId !== lastId && !this.lastId!.includes('~')) this.owner = channels[0]!;
    this.leave();
    await until(() => channels.every((one) => this.broadcaster.subscribers(this.prefix + one) === 0));
    for (const one of away) await this.publish(one);
  }

  get gaps(): number {
    return this.seen.filter(({ type }) => type === 'gap').length;
  }

  got(): Record<string, string[]> {
    const got: Record<string, string[]> = {};
    for (const { data, type } of this.seen) if (type !== 'gap') (got[data!.split(' ')[0]!] ??= []).push(data!);
    return got;
  }

  /** How many of a channel's events the client has by its id, which is a position in memory: it ends in their number. */
  private countOf(channel: string): number | undefined {
    const { lastId = '' } = this;
    const hash = hashChannel(this.prefix + channel);
    const token = lastId.includes('~') ? lastId.split('.').find((one) => one.startsWith(`${hash}~`)) : lastId;
    if (!token || (token === lastId && !lastId.includes('~') && this.owner !== channel)) return undefined;
    return Number(token.slice(token.lastIndexOf('-') + 1, -6));
  }

  private owe(channel: string, events: readonly string[]): void {
    if (events.length > 0) (this.due[channel] ??= []).push(...events);
  }

  private async publish(channel: string): Promise<string> {
    const all = (this.published[channel] ??= []);
    const data = `${channel} ${all.length}`;
    all.push(data);
    await this.broadcaster.publish(this.prefix + channel, { data });
    return data;
  }
}

describe('channels that are added, removed and reordered between connections', () => {
  let running: Running;
  let broadcaster: SseBroadcaster;
  beforeAll(async () => {
    running = await start(platforms[0]!, { imports: [SseModule.forRoot({ ping: false })], controllers: [Feeds] });
    broadcaster = running.app.get(SseBroadcaster);
  });
  afterAll(() => running.app.close());

  it('are each read without a hole from the moment that the client was there first, as long as its id has them', async () => {
    let run = 0;
    const total = { events: 0, gaps: 0 };
    await fc.assert(
      fc.asyncProperty(visits, async (plan) => {
        const visitor = new Wanderer(broadcaster, running.url, `r${run++}`);
        for (const visit of plan) await visitor.visit(visit);
        expect(visitor.got()).toEqual(visitor.due);
        expect(visitor.gaps).toBe(visitor.gapsDue);
        total.events += visitor.seen.length - visitor.gaps;
        total.gaps += visitor.gaps;
      }),
      { numRuns: runs(100), seed: 8 },
    );
    process.stdout.write(
      `  ${run} histories of changing channels: ${total.events} events delivered, none repeated, none missing, ${total.gaps} gaps\n`,
    );
  });

  describe('a client that is cut before its first event', () => {
    const clients: Client[] = [];
    const follow = async (channels: string, id: string) => {
      const client = await open(running, `/feed?channels=${channels}`, { headers: { 'Last-Event-ID': id } });
      clients.push(client);
      return client;
    };
    afterEach(() => clients.splice(0).forEach((client) => client.leave()));

    // Only a client without an id was told at once where it stands: one with an id came back as if the channel was new.
    it.each(['kept,other', 'kept'])('misses nothing in a channel that was added to %s', async (before) => {
      const first = await open(running, `/feed?channels=${before}`);
      await first.until(({ text }) => text.includes('id: '));
      const { id } = await broadcaster.publish('kept', 'before');
      const known = (await first.event())!.id!;
      expect(before === 'kept' ? known : id).toBe(id);
      first.leave();
      const second = await follow(`${before},added`, known);
      await until(() => broadcaster.subscribers('added') === 1);
      await second.until(({ text }) => text.includes('id: '));
      const told = /^id: (.*)$/m.exec(second.text)![1]!;
      second.leave();
      await until(() => running.app.get(SseConnections).size === 0);
      await broadcaster.publish('added', 'while it was away');
      const third = await follow(`${before},added`, told);
      await broadcaster.publish('added', 'when it was back');
      expect((await third.events(1))[0]!.data).toBe('while it was away');
    });
  });
});
