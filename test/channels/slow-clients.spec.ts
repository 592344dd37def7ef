import { startChild, type Child } from '../support/child.js';
import { until } from '../support/until.js';
import { NumberedReader } from './numbered-reader.js';

/** The kernel takes 3 MB for each of them. More would bring it near its bounds (tcp_mem), and measure those. */
const SLOW = 250;
const BYTES = 65_536;
const GIGABYTE = 1_073_741_824 / BYTES;
const PER_SECOND = 4_000;
/** What fills the sockets of the slow clients: from then on they are slow. */
const FILLING = 192;
/** Events in a window of time: what stops the machine for a moment makes one of them slow, a library all. */
const WINDOW = 2_048;
const MARKER = 99_999_999;

interface Poured {
  readonly mostRss: number;
  readonly mostBuffered: number;
  readonly ms: number;
}

const megabytes = (bytes: number) => Math.round(bytes / 1_048_576);
const percentile = (all: readonly number[], share: number) =>
  [...all].sort((a, b) => a - b)[Math.floor((all.length - 1) * share)]!;
/** The percentile of the window in the middle. */
const typical = (all: readonly number[], share: number) => {
  const windows = Array.from({ length: Math.ceil(all.length / WINDOW) }, (_, n) =>
    percentile(all.slice(n * WINDOW, (n + 1) * WINDOW), share),
  );
  return percentile(windows, 0.5);
};

describe('clients that do not read', () => {
  let server: Child;
  const readers: NumberedReader[] = [];
  let channel: string;
  let next: number;

  const begin = async (policy: string) => {
    channel = policy;
    next = 0;
    server = await startChild('test/channels/apps/channels.app.ts', 'express');
  };
  afterEach(() => {
    for (const reader of readers.splice(0)) reader.leave();
    server.process.kill();
  });
  const open = async (_: unknown, name: number | string) => {
    const reader = await NumberedReader.open(`${server.url}/feed?channels=${channel}&name=${name}`);
    readers.push(reader);
    return reader;
  };
  /** Publishes, and waits until the reader that reads has everything. */
  const pour = async (fast: NumberedReader, events: number) => {
    fast.latencies = [];
    const poured = await server.ask<Poured>('pour', {
      channel,
      first: next,
      events,
      bytes: BYTES,
      perSecond: PER_SECOND,
    });
    next += events;
    await until(() => fast.seen.at(-1) === next - 1, 'the fast reader has everything');
    return { ...poured, p50: typical(fast.latencies, 0.5), p99: typical(fast.latencies, 0.99) };
  };
  const rss = () => server.ask<number>('rss');

  it.each(['skip', 'disconnect', 'latest'] as const)(
    'hold up nobody and nothing while 1 GB is published past them (%s)',
    async (policy) => {
      await begin(policy);
      const fast = await open(undefined, 'fast');
      fast.isTiming = true;
      fast.read();
      await pour(fast, 512);
      const alone = await pour(fast, WINDOW);
      const slow = await Promise.all(Array.from({ length: SLOW }, open));
      const first = next;
      const before = await rss();
      await pour(fast, FILLING);
      const beside = await pour(fast, GIGABYTE);
      const after = await rss();
      process.stdout.write(
        `  ${policy}: 1 GB past ${SLOW} slow clients at ${Math.round(1_024 / (beside.ms / 1_000))} MB/s; RSS ${megabytes(before)} MB before, ` +
          `${megabytes(after)} MB after, ${megabytes(beside.mostRss)} MB at most; at most ${Math.round(beside.mostBuffered / 1_024)} KB held for one; ` +
          `a fast reader: p50 ${alone.p50.toFixed(2)} → ${beside.p50.toFixed(2)} ms, p99 ${alone.p99.toFixed(2)} → ${beside.p99.toFixed(2)} ms\n`,
      );
      expect(fast.seen.findIndex((one, n) => one !== n)).toBe(-1);
      expect(fast.seen).toHaveLength(next);
      // The history is 6.4 MB. Per client it would be 2 MB for 1 GB in all.
      expect(after - before).toBeLessThan(200 * 1_048_576);
      expect(beside.mostRss - before).toBeLessThan(500 * 1_048_576);
      expect(beside.mostBuffered).toBeLessThan(2.5 * 1_048_576);
      const closed = await server.ask<Record<string, number>>('closed');
      expect(closed).toEqual(policy === 'disconnect' ? { slow_client: SLOW } : {});
      for (const reader of slow) reader.read();
      if (policy === 'disconnect') await until(() => slow.every(({ isCutOff }) => isCutOff), 'all were cut off');
      else {
        const isThrough = (reader: NumberedReader) => reader.has(policy === 'skip' ? 'gap' : next - 1);
        await until(() => slow.every(isThrough), 'all have caught up');
        await server.ask('say', { channel, data: `${MARKER} 0 ` });
        await until(() => slow.every((reader) => reader.has(MARKER)), 'all go on');
      }
      let taken = 0;
      for (const { seen } of slow) {
        // Without a hole up to where its socket was full, and then what the policy says.
        let full = 0;
        while (seen[full] === first + full) full++;
        expect(full).toBeGreaterThan(0);
        taken += full;
        const rest = seen.slice(full);
        if (policy === 'skip') expect(rest).toEqual(['gap', MARKER]);
        else if (policy === 'disconnect') expect(rest).toEqual([]);
        // The newest of each of the ten keys, in order, and what the history still had after them.
        else {
          expect(rest.slice(-11)).toEqual([...Array.from({ length: 10 }, (_, n) => next - 10 + n), MARKER]);
          expect(rest).toEqual([...new Set(rest)].sort((a, b) => Number(a) - Number(b)));
          expect(rest.length).toBeLessThan(150);
        }
      }
      process.stdout.write(`  ${policy}: each had taken ${Math.round(taken / SLOW)} events when it was full\n`);
    },
  );
});
