import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { Subject } from 'rxjs';
import { LastEventId, Sse, SseModule } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { startNginx, type Nginx } from '../support/nginx.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

/** What somebody sets who wants a cache in front to serve one stream to many. */
const cached = { 'Cache-Control': 'public, max-age=60' };
/** And who found that nginx caches nothing with our `X-Accel-Buffering: no`. */
const buffered = { ...cached, 'X-Accel-Buffering': null };

@Controller()
class CachedController {
  readonly calls: string[] = [];
  readonly live = new Subject<string>();

  @Sse('as-it-comes', { headers: cached })
  asItComes() {
    this.calls.push('as-it-comes');
    return this.live;
  }

  @Sse('held', { headers: buffered })
  held() {
    this.calls.push('held');
    return this.live;
  }

  @Sse('ended', { headers: buffered })
  ended(@LastEventId() id = 'none') {
    this.calls.push('ended');
    return [{ id: '1', data: `after ${id}` }];
  }
}

const configuration = (listen: string, app: string) => `
  proxy_cache_path cache keys_zone=streams:1m;
  server {
    listen ${listen};
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_cache streams;
    proxy_cache_lock on;
    proxy_cache_lock_timeout 60s;
    proxy_cache_lock_age 60s;
    add_header X-Cache $upstream_cache_status;
    location / { proxy_pass ${app}; }
    location /heedless/ { proxy_pass ${app}/; proxy_ignore_headers Vary; }
  }`;

// Why docs/PROXIES.md advises against a shared cache: it can replay, and not fan out.
describeWith('nginx', 'nginx with proxy_cache', (path) => {
  describe.each(platforms.slice(0, 2))('before an application on $name', (platform) => {
    let running: Running;
    let nginx: Nginx;
    let controller: CachedController;
    const clients: Client[] = [];

    beforeEach(async () => {
      running = await start(platform, { imports: [SseModule.forRoot()], controllers: [CachedController] });
      controller = running.app.get(CachedController);
      nginx = await startNginx(path, (listen) => configuration(listen, running.url));
    });
    afterEach(async () => {
      for (const client of clients.splice(0)) client.leave();
      await nginx.stop();
      await running.app.close();
    });

    const through = async (route: string, headers: Record<string, string> = {}): Promise<Client> => {
      const client = await open({ url: nginx.url, http2: false }, route, { headers });
      clients.push(client);
      return client;
    };
    const all = async (client: Client) => (await client.rest()).map(({ data }) => data);

    it('stores nothing that says X-Accel-Buffering: no: each client has a stream of its own, and hears it live', async () => {
      const [first, second] = [await through('/as-it-comes'), await through('/as-it-comes')];
      expect([first, second].map(({ headers }) => headers['x-cache'])).toEqual(['MISS', 'MISS']);
      for (const data of ['1', '2']) {
        controller.live.next(data);
        expect([(await first.event())!.data, (await second.event())!.data]).toEqual([data, data]);
      }
      controller.live.complete();
      await Promise.all([first.rest(), second.rest()]);
      await (await through('/as-it-comes')).rest();
      expect(controller.calls).toHaveLength(3);
    });

    it('fans no live stream out: the first client hears it, and who asks meanwhile waits for its end', async () => {
      const opening = through('/held');
      await until(() => controller.live.observed);
      controller.live.next('1');
      const first = await opening;
      expect((await first.event())!.data).toBe('1');
      let isAnswered = false;
      const second = through('/held').finally(() => (isAnswered = true));
      // nginx has taken what was asked after the second, and passed it on.
      const marker = await through('/as-it-comes');
      controller.live.next('2');
      expect([(await marker.event())!.data, (await first.event())!.data]).toEqual(['2', '2']);
      expect([isAnswered, controller.calls]).toEqual([false, ['held', 'as-it-comes']]);
      controller.live.complete();
      expect(await first.event()).toBeUndefined();
      expect((await second).headers['x-cache']).toBe('HIT');
      expect(await all(await second)).toEqual(['1', '2']);
      expect(controller.calls).toHaveLength(2);
    });

    it('replays an ended stream as a recording while it is fresh, to who comes back with an id, when the cache takes no heed of Vary', async () => {
      expect(await all(await through('/heedless/ended'))).toEqual(['after none']);
      const back = await through('/heedless/ended', { 'Last-Event-ID': '1' });
      expect([back.headers['x-cache'], await all(back)]).toEqual(['HIT', ['after none']]);
      expect(controller.calls).toHaveLength(1);
    });

    it('keeps a recording for each id when it heeds our Vary: Last-Event-ID, and replays that', async () => {
      expect(await all(await through('/ended'))).toEqual(['after none']);
      const back = await through('/ended', { 'Last-Event-ID': '1' });
      expect([back.headers['x-cache'], await all(back)]).toEqual(['MISS', ['after 1']]);
      const again = await through('/ended', { 'Last-Event-ID': '1' });
      expect([again.headers['x-cache'], await all(again)]).toEqual(['HIT', ['after 1']]);
      expect(controller.calls).toHaveLength(2);
    });
  });
});
