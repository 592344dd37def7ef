import 'reflect-metadata';
import { SseConnections } from '../../lib/index.js';
import { describeWith } from '../support/external.js';
import { platforms } from '../support/platforms.js';
import { Program } from '../support/program.js';
import { startLiveApp, type LiveApp } from './live-app.js';

describeWith('curl', 'curl', (path) => {
  describe.each(platforms)('of an application on $name', (platform) => {
    let running: LiveApp;
    /** What makes curl speak the protocol that the application speaks. */
    const protocol = platform.http2 ? ['--http2-prior-knowledge'] : ['--http1.1'];

    beforeAll(async () => {
      running = await startLiveApp(platform);
    });
    afterAll(() => running.app.close());

    const curl = (...args: string[]) =>
      new Program(path, [
        '--silent',
        '--show-error',
        '--max-time',
        '100',
        ...args.slice(0, -1),
        running.url + args.at(-1),
      ]);

    async function seesEachFrameBeforeTheNextOneExists(...args: string[]): Promise<void> {
      const program = curl('-N', ...args, '/live');
      await program.until(({ stdout }) => stdout.endsWith('data: hello\n\n'));
      const connection = [...running.app.get(SseConnections)].at(-1)!;
      for (const n of [1, 2, 3]) {
        running.live.next.next({ type: 'tick', id: n, data: n });
        await program.until(({ stdout }) => stdout.endsWith(`event: tick\nid: ${n}\ndata: ${n}\n\n`));
      }
      await program.stop();
      expect(await connection.closed).toMatchObject({ code: 'client_left' });
    }

    it('shows each frame with -N before the next one exists', () => seesEachFrameBeforeTheNextOneExists(...protocol));

    it('gets the headers of an event stream, and no body, with -I', async () => {
      const program = curl('-I', ...protocol, '/live');
      expect(await program.exited).toBe(0);
      expect(program.stdout).toMatch(/^HTTP\/(1\.1|2) 200/);
      expect(program.stdout).toMatch(/^content-type: text\/event-stream\r$/im);
      expect(program.stdout).toMatch(/^x-accel-buffering: no\r$/im);
      expect(program.stdout.trimEnd()).toBe(program.stdout.slice(0, -4));
    });

    it('ends with code 0 when the stream ends: the body was complete', async () => {
      const program = curl('-N', '-i', ...protocol, '/visits');
      expect(await program.exited).toBe(0);
      expect(program.stdout).toMatch(/\r\n\r\nretry: 10\n\nid: 1\ndata: visit 1\n\nid: 2\ndata: visit 2\n\n$/);
    });

    it('resumes with the header that a browser would send, non-ASCII bytes included', async () => {
      const resumed = curl('-N', ...protocol, '-H', 'Last-Event-ID: 2', '/visits');
      expect(await resumed.exited).toBe(0);
      expect(resumed.stdout).toMatch(/id: 3\ndata: visit 3\n\nid: 4\ndata: visit 4\n\n$/);
      const strange = curl('-N', ...protocol, '-H', 'Last-Event-ID: ünï-✓-世', '/strange-id');
      expect(await strange.exited).toBe(0);
      expect(running.live.requestsOf('/strange-id')).toEqual(['ünï-✓-世']);
    });

    it('is told 204 when there is nothing more', async () => {
      const program = curl('-i', ...protocol, '-H', 'Last-Event-ID: 4', '/visits');
      expect(await program.exited).toBe(0);
      expect(program.stdout).toMatch(/^HTTP\/(1\.1|2) 204/);
    });

    if (!platform.http2) {
      it('shows each frame with HTTP/1.0 too, where a body has no chunks and ends with its connection', async () => {
        await seesEachFrameBeforeTheNextOneExists('--http1.0');
        const finite = curl('-N', '-i', '--http1.0', '/visits');
        expect(await finite.exited).toBe(0);
        expect(finite.stdout).not.toMatch(/transfer-encoding|keep-alive/i);
        expect(finite.stdout).toMatch(/\r\n\r\nretry: 10\n\nid: 1\ndata: visit 1\n\nid: 2\ndata: visit 2\n\n$/);
      });
    }
  });
});
