import { RedisServer } from '../support/redis-server.js';
import { describeWith } from '../support/external.js';
import { usePage } from './page.js';
import { datasOf, useSample } from './sample.js';

describeWith('redis-server', 'sample/bullmq', (redisPath) => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start(redisPath);
  });
  const sample = useSample('bullmq', () => ({ REDIS_URL: redis.url }));
  afterAll(() => redis.stop());

  it('tells everyone how far the worker is, also who comes late', async () => {
    const { id } = JSON.parse(await sample.ask(0)) as { id: string };
    const early = await sample.ask(1, ['<id>', id]);
    const percents = Array.from({ length: 20 }, (_, n) => `{"percent":${n * 5}}`);
    expect(datasOf(early)).toEqual(['{"name":"holiday"}', ...percents, '{"name":"holiday"}']);
    expect(early).toMatch(/event: done\nid: .+\ndata: .+\n\n/);
    expect(await sample.ask(1, ['<id>', id])).toBe(early);
    expect((await fetch(`${sample.url}/videos/unknown`)).status).toBe(204);
  });

  describeWith('chromium', 'its page', (path) => {
    const open = usePage(path, sample);

    it('shows a bar, also after a reload', async () => {
      const page = await open('/');
      await page.click('button');
      await page.locator('output', { hasText: '%' }).waitFor();
      await page.reload();
      await page.locator('output', { hasText: 'done' }).waitFor();
    });
  });
});
