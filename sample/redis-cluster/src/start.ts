import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Starts everything in the foreground: Redis, two nodes, nginx before them. Ctrl-C ends it all.
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
    upstream nodes { server 127.0.0.1:3001 max_fails=0; server 127.0.0.1:3002 max_fails=0; }
    server {
      listen 127.0.0.1:8080;
      location / { proxy_pass http://nodes; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_connect_timeout 1s; }
    }
  }`,
);

const node = join(import.meta.dirname, 'node.js');
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, REDIS_URL: 'redis://127.0.0.1:6390' };
const run = (command: string, args: string[], more: Record<string, string> = {}): ChildProcess =>
  spawn(command, args, { env: { ...env, ...more }, stdio: 'inherit' }).on('error', ({ message }) =>
    console.error(message),
  );
const children = [
  run('redis-server', [
    '--port',
    '6390',
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--dir',
    folder,
    '--loglevel',
    'warning',
  ]),
  run(process.execPath, [node], { PORT: '3001' }),
  run(process.execPath, [node], { PORT: '3002' }),
  run('nginx', ['-p', folder, '-c', 'nginx.conf']),
];
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => children.forEach((child) => child.kill('SIGTERM')));
}
console.log('http://127.0.0.1:8080: one chat, two nodes');
