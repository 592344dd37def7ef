import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program } from './program.js';

export interface Nginx {
  /** e.g. `http://127.0.0.1:40123` */
  readonly url: string;
  /** What nginx wrote to its error log so far. */
  readonly program: Program;
  stop(): Promise<void>;
}

/** Starts an nginx of its own, with everything it writes in a temporary folder. `http` goes into its `http` block. */
export async function startNginx(path: string, http: (listen: string) => string): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'nginx-'));
  const port = await freePort();
  const listen = `127.0.0.1:${port}`;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`);
  await writeFile(
    join(folder, 'nginx.conf'),
    // As root it would drop to a user that may not write here.
    `${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off;
    worker_processes 1;
    pid nginx.pid;
    error_log stderr notice;
    events { worker_connections 4096; }
    http { access_log off; ${temporary.join(' ')} ${http(listen)} }`,
  );
  const program = new Program(path, ['-p', folder, '-c', 'nginx.conf']);
  await program.until(({ stderr }) => stderr.includes('start worker process '));
  return {
    url: `http://${listen}`,
    program,
    async stop() {
      await program.stop();
      await rm(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
