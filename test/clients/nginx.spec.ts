import 'reflect-metadata';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import { SseConnections } from '../../lib/index.js';
import { open, type Client } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { startNginx, type Nginx } from '../support/nginx.js';
import { platforms } from '../support/platforms.js';
import { startLiveApp, type LiveApp } from './live-app.js';

// What most deployments have: a proxy_pass and nothing that was written with event streams in mind. So nginx buffers,
// speaks HTTP/1.0 to the application, and takes five seconds of silence for its death.
const configuration = (listen: string, app: string) => `
  gzip on;
  server {
    listen ${listen};
    location / {
      proxy_pass ${app};
      proxy_read_timeout 5s;
    }
    location /compressed/ {
      gzip_types text/event-stream;
      gzip_min_length 0;
      proxy_pass ${app}/;
    }
  }`;

describeWith('nginx', 'nginx with default buffering and proxy_read_timeout 5s', (path) => {
  describe.each(platforms.filter(({ http2 }) => !http2))('before an application on $name', (platform) => {
    let running: LiveApp;
    let nginx: Nginx;

    beforeAll(async () => {
      running = await startLiveApp(platform);
      nginx = await startNginx(path, (listen) => configuration(listen, running.url));
    });
    afterAll(async () => {
      await nginx.stop();
      await running.app.close();
    });

    const through = (route: string, headers: Record<string, string> = {}): Promise<Client> =>
      open({ url: nginx.url, http2: false }, route, { headers });
    const say = (data: string) => running.live.next.next({ data });

    it('passes each event on before the next one exists, and keeps its word to itself', async () => {
      const client = await through('/live');
      expect(client.headers).toMatchObject({ 'content-type': 'text/event-stream', 'transfer-encoding': 'chunked' });
      // X-Accel-Buffering is addressed to nginx, which takes it out.
      expect(client.headers).not.toHaveProperty('x-accel-buffering');
      expect(await client.event()).toMatchObject({ data: 'hello' });
      for (const data of ['1', '2', '3']) {
        say(data);
        expect(await client.event()).toMatchObject({ data });
      }
      client.leave();
    });

    it('would hold them back without X-Accel-Buffering: no, which is what this suite would see', async () => {
      const listeners = running.live.requestsOf('/live').length;
      let isAnswered = false;
      const held = open({ url: nginx.url, http2: false }, '/without-hint').then((client) => {
        isAnswered = true;
        return client;
      });
      const passed = await through('/live');
      await passed.event();
      // Both are subscribed, through the same nginx.
      await running.live.listeners(listeners + 2);
      for (const data of ['1', '2', '3']) {
        say(data);
        expect(await passed.event()).toMatchObject({ data });
      }
      expect(isAnswered).toBe(false);
      // More than its buffers hold: what they give way to is the same events, late.
      for (let n = 0; n < 100; n++) say('x'.repeat(1_000));
      const late = await held;
      expect((await late.events(4)).map(({ data }) => data)).toEqual(['hello', '1', '2', '3']);
      passed.leave();
      late.leave();
    });

    it('tells the application at once that a client has left', async () => {
      const client = await through('/live');
      await client.event();
      const connection = [...running.app.get(SseConnections)].at(-1)!;
      client.leave();
      expect(await connection.closed).toMatchObject({ code: 'client_left' });
    });

    it('ends the body cleanly when the stream ends', async () => {
      const client = await through('/visits');
      expect((await client.rest()).map(({ data }) => data)).toEqual(['visit 1', 'visit 2']);
      expect((await through('/visits', { 'last-event-id': '4' })).status).toBe(204);
    });

    it('leaves the frames as they are with gzip on, and its default types', async () => {
      const client = await through('/live', { 'accept-encoding': 'gzip' });
      expect(client.headers).not.toHaveProperty('content-encoding');
      await client.event();
      say('as it is');
      expect(await client.event()).toMatchObject({ data: 'as it is' });
      client.leave();
    });

    it('compresses each event for itself where gzip_types names event streams', async () => {
      const [response] = (await once(
        get(`${nginx.url}/compressed/live`, { headers: { 'accept-encoding': 'gzip' }, agent: false }),
        'response',
      )) as [IncomingMessage];
      expect(response.headers['content-encoding']).toBe('gzip');
      let text = '';
      const gunzip = response.on('error', () => undefined).pipe(createGunzip());
      gunzip.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      const reads = async (end: string) => {
        while (!text.endsWith(end)) await once(gunzip, 'data');
      };
      await reads('data: hello\n\n');
      for (const data of ['1', '2', '3']) {
        say(data);
        await reads(`data: ${data}\n\n`);
      }
      response.destroy();
    });

    it('keeps a silent stream open for longer than its timeout as long as there are pings, and only then', async () => {
      const startedAt = performance.now();
      const [silent, mute] = await Promise.all([through('/silent'), through('/mute')]);
      const connections = [...running.app.get(SseConnections)].slice(-2);
      const cut = expect(mute.rest()).rejects.toThrow('aborted');
      // One every 2.1 seconds.
      await silent.until(({ comments }) => comments.length >= 3);
      expect(performance.now() - startedAt).toBeGreaterThan(6_000);
      await cut;
      expect(mute.text).toBe('');
      await nginx.program.until(({ stderr }) => /upstream timed out.*"GET \/mute /.test(stderr));
      // Neither nginx nor the application has any other word for the one with pings than: still there.
      expect(nginx.program.stderr).not.toMatch(/upstream timed out.*"GET \/silent /);
      expect([...running.app.get(SseConnections)]).toEqual([connections.find(({ bytesSent }) => bytesSent > 0)]);
      silent.leave();
    });
  });
});
