import { fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Starts nginx, two nodes and Redis, on PORT and the next three ports. Ctrl-C ends all of them.
const port = Number(process.env.PORT ?? 3000);
const [first, second, redis] = [port + 1, port + 2, port + 3];
const folder = mkdtempSync(join(tmpdir(), 'redis-cluster-'));
writeFileSync(
  join(folder, 'nginx.conf'),
  `${process.getuid?.() === 0 ? 'user root;' : ''}
  daemon off; pid nginx.pid; error_log stderr warn;
  events {}
  http {
    access_log off;
    ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`).join(' ')}
    # By default a node that refused one connection is left alone for 10 seconds. In a rolling restart none would be left
    # then, and a 502 ends an EventSource for good. Like this the next node is asked at once.
    upstream nodes { server 127.0.0.1:${first} max_fails=0; server 127.0.0.1:${second} max_fails=0; }
    server {
      listen 127.0.0.1:${port};
      location / { proxy_pass http://nodes; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_connect_timeout 1s; }
    }
  }`,
);

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, REDIS_URL: `redis://127.0.0.1:${redis}` };
const node = join(import.meta.dirname, 'node.ts');
const children = [
  spawn('redis-server', ['--port', `${redis}`, '--bind', '127.0.0.1', '--save', '', '--loglevel', 'warning'], {
    env,
    cwd: folder,
    stdio: 'ignore',
  }),
  fork(node, { env: { ...env, PORT: `${first}` } }),
  fork(node, { env: { ...env, PORT: `${second}` } }),
  spawn('nginx', ['-p', folder, '-c', 'nginx.conf'], { env, stdio: 'inherit' }),
];
const stop = () => children.forEach((child) => child.kill('SIGTERM'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
for (const child of children) {
  // It is not installed, for example.
  child.on('error', ({ message }) => {
    console.error(message);
    stop();
  });
}
// Nodes may come and go. Without Redis or nginx there is nothing to see.
for (const child of [children.at(0), children.at(-1)]) child?.once('exit', stop);
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
console.log(`nginx: http://localhost:${port}. The nodes: ${first} and ${second}. Redis: ${redis}`);
