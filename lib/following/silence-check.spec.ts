import type { ChannelFollower } from './channel-follower.js';
import { SilenceCheck, type SilenceStore } from './silence-check.js';

/** A follower that has been silent for ever, and remembers that it was looked at. */
class Silent {
  readonly isBehind = false;
  readonly isBusy = false;
  readonly heardAt = -Infinity;
  isUnreadable = false;
  lookedAt = performance.now();
  position: string | undefined = '1-1';
  looks = 0;

  constructor(readonly channel: string) {}

  readonly check = (): Promise<void> => {
    this.looks++;
    return Promise.resolve();
  };
}

class ScriptedStore implements SilenceStore {
  readonly asked: (readonly string[])[] = [];
  answer: (channels: readonly string[]) => Promise<readonly string[]> = () => Promise.resolve([]);
  group: (channel: string) => string = () => '';

  stirred(channels: readonly string[]): Promise<readonly string[]> {
    this.asked.push(channels);
    return this.answer(channels);
  }
  groupOf(channel: string): string {
    return this.group(channel);
  }
  isUnreadable(): boolean {
    return false;
  }
  serverOf(channel: string): string {
    return this.group(channel);
  }
}

describe('the check of silent channels', () => {
  /** Longer than the spec takes: no channel is due twice. */
  const INTERVAL = 60_000;
  let store: ScriptedStore;
  let followers: Silent[];
  let check: SilenceCheck;
  const begin = (count: number) => {
    store = new ScriptedStore();
    followers = Array.from({ length: count }, (_, i) => new Silent(`${i}`));
    check = new SilenceCheck(store, () => followers as unknown as ChannelFollower[], INTERVAL, 3_600_000);
  };
  const looks = () => followers.reduce((sum, follower) => sum + follower.looks, 0);

  it('looks at each of a few channels', async () => {
    begin(200);
    await check.round();
    expect(followers.every((follower) => follower.looks === 1)).toBe(true);
    expect(store.asked).toEqual([]);
  });

  it('asks about many in one go, and looks at those that something stirred in', async () => {
    begin(5_000);
    store.answer = (channels) => Promise.resolve(channels.filter((channel) => channel === '7' || channel === '4999'));
    await check.round();
    expect(store.asked.map((channels) => channels.length)).toEqual(Array.from({ length: 10 }, () => 500));
    expect(followers.filter((follower) => follower.looks > 0).map((follower) => follower.channel)).toEqual([
      '7',
      '4999',
    ]);
  });

  it('looks at all of them in turn, and never at all at once', async () => {
    begin(12_000);
    for (const follower of followers) follower.lookedAt = -Infinity;
    const each: number[] = [];
    for (let round = 0; round < 12; round++) {
      const before = looks();
      await check.round();
      for (const follower of followers) if (follower.looks > 0) follower.lookedAt = performance.now();
      each.push(looks() - before);
    }
    expect(followers.every((follower) => follower.looks === 1)).toBe(true);
    expect(Math.max(...each)).toBe(1_250);
  });

  it('does not begin a round while another one is going on', async () => {
    begin(1_000);
    const answers: (() => void)[] = [];
    store.answer = () => new Promise((resolve) => answers.push(() => resolve([])));
    const round = check.round();
    await check.round();
    await check.round();
    expect(answers).toHaveLength(2);
    for (const answer of answers) answer();
    await round;
    store.answer = () => Promise.resolve([]);
    await check.round();
    expect(store.asked).toHaveLength(4);
  });

  it('asks about channels of different places apart, and a server that does not answer no more in this round', async () => {
    begin(4_000);
    store.group = (channel) => `${Number(channel) % 80}`;
    store.answer = (channels) =>
      Number(channels[0]) % 80 === 3 ? Promise.reject(new Error('away')) : Promise.resolve([]);
    await check.round();
    expect(store.asked).toHaveLength(80);
    for (const channels of store.asked) expect(new Set(channels.map((one) => Number(one) % 80)).size).toBe(1);
    begin(50_000);
    store.group = () => 'one server';
    store.answer = () => Promise.reject(new Error('away'));
    await check.round();
    // What was on its way, and no more.
    expect(store.asked).toHaveLength(16);
  });
});
