import { median } from '../statistics.js';

/** 50 tokens a second, as a fast model makes them. */
const INTERVAL_MS = 20;

/** Few at a time: the machine has time to spare, so that what is measured is the way and not a queue. */
const FEW = { count: 20, tokens: 150 };

/** Many at a time, for what they cost Redis. */
const MANY = { count: 500, tokens: 100 };

/** What keeping an answer costs: one reader each, through the same application. */
export const answers = {
  name: 'answers',
  title: `Answers of ${FEW.tokens} tokens, 50 a second: 20 at once for the times, 500 at once for what they cost Redis`,
  subjects: ['answer-unstored', 'answer-each', 'answer-batch', 'answer-resumable'],
  metrics: {
    duration: 'ms from the request to the end, median',
    firstToken: 'ms to the first token, median',
    entries: 'stored entries of one answer, with its start and end',
    broken: 'answers that did not come whole, of 500 at once',
    manyDuration: 'ms to the end, median of 500 at once',
    redisCore: '% of a Redis core, 500 at once',
    nodeCore: '% of a core of the node, 500 at once',
  },

  async measure({ startRedis, startServer, startAnswerReaders, measureCpu, quick }) {
    const redis = await startRedis();
    const server = await startServer({ redis: { url: redis.url } });
    const readers = startAnswerReaders();
    const read = async ({ count, tokens }) => {
      await server.call('plan', { tokens, intervalMs: INTERVAL_MS });
      return await readers.call('read', { port: server.port, count, tokens });
    };
    await read({ count: 50, tokens: 20 });

    const before = await redis.usage();
    const few = await read(FEW);
    const { byName } = await redis.usageSince(before);
    const added = byName.find(([name]) => name === 'xadd')?.[1] ?? 0;

    const atOnce = quick ? { ...MANY, count: 100 } : MANY;
    const earlier = await redis.usage();
    const startedAt = performance.now();
    let many;
    const cpu = await measureCpu([server], async () => (many = await read(atOnce)));
    const tookMs = performance.now() - startedAt;
    const used = await redis.usageSince(earlier);
    const broken = (times) => times.filter(({ isWhole }) => !isWhole).length;
    if (broken(few) > 0) throw new Error(`${broken(few)} of ${few.length} answers did not come whole`);
    const medianOf = (times, name) => median(times.map((time) => time[name]));
    return {
      duration: medianOf(few, 'duration'),
      firstToken: medianOf(few, 'firstToken'),
      // A life begins with one that is dropped at once.
      entries: Math.max(0, added / FEW.count - 1),
      broken: broken(many),
      manyDuration: medianOf(many, 'duration'),
      redisCore: used.cpu / tookMs / 10,
      nodeCore: cpu / tookMs / 10,
    };
  },
};
