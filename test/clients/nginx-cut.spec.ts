import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { Subject } from 'rxjs';
import { Sse, SseConnections, SseModule } from '../../lib/index.js';
import { open } from '../support/client.js';
import { describeWith } from '../support/external.js';
import { startNginx, type Nginx } from '../support/nginx.js';
import { platforms, start, type Running } from '../support/platforms.js';
import { until } from '../support/until.js';

const LARGE = 'x'.repeat(100_000);

@Controller()
class Streams {
  readonly subject = new Subject<string>();

  @Sse('outrun', { buffer: { maxBytes: 65_536 } }) outrun() {
    return this.subject;
  }
}

/** What most deployments have: HTTP/1.0 to the application, whose bodies end where the connection does. */
const configuration = (listen: string, app: string) => `server { listen ${listen}; location / { proxy_pass ${app}; } }`;

describeWith('nginx', 'behind nginx as it is by default, which speaks HTTP/1.0', (path) => {
  describe.each(platforms.filter(({ http2 }) => !http2))('on $name', (platform) => {
    let running: Running;
    let nginx: Nginx;
    beforeAll(async () => {
      running = await start(platform, { imports: [SseModule.forRoot({ ping: false })], controllers: [Streams] });
      nginx = await startNginx(path, (listen) => configuration(listen, running.url));
    });
    afterAll(async () => {
      await nginx.stop();
      await running.app.close();
    });

    const begin = async () => {
      const client = await open({ url: nginx.url, http2: false }, '/outrun');
      const connections = running.app.get(SseConnections);
      await until(() => connections.size === 1);
      const [connection] = [...connections];
      return { client, connection: connection!, subject: running.app.get(Streams).subject };
    };

    it('a client that the application cuts off sees that its body is not whole', async () => {
      const { client, connection, subject } = await begin();
      while (running.app.get(SseConnections).size === 1) {
        subject.next(LARGE);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await connection.closed).toMatchObject({ code: 'slow_client' });
      await expect(client.rest()).rejects.toThrow('aborted');
      await nginx.program.until(({ stderr }) => /Connection reset by peer\) while .*"GET \/outrun /.test(stderr));
    });

    it('a client whose stream ends sees that it is whole', async () => {
      const { client, connection, subject } = await begin();
      subject.next('last');
      connection.close();
      expect((await client.rest()).map(({ data }) => data)).toEqual(['last']);
    });
  });
});
