import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Starts nginx with a cache in front of `upstream`. It ends with this process. */
export function startNginx({ port, upstream }: { port: string; upstream: string }): void {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-cache-'));
  writeFileSync(
    join(folder, 'nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off; pid nginx.pid; error_log stderr warn;
    events {}
    http {
      access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`).join(' ')}
      proxy_cache_path cache keys_zone=streams:1m;
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass ${upstream};
          proxy_http_version 1.1;
          proxy_set_header Connection '';
          proxy_cache streams;
          proxy_cache_lock on;  # of many who ask for the same at once, one reaches the application
          add_header X-Cache $upstream_cache_status;
        }
      }
    }`,
  );
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const nginx = spawn('nginx', ['-p', folder, '-c', 'nginx.conf'], { env, stdio: 'inherit' });
  nginx.on('error', ({ message }) => console.error(message));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => nginx.kill());
  nginx.on('exit', () => rmSync(folder, { recursive: true, force: true }));
}
