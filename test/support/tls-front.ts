import type { INestApplication } from '@nestjs/common';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A second server of an application, that speaks TLS with a certificate of its own. */
export interface TlsFront {
  /** e.g. `https://127.0.0.1:40123` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves `app`, over HTTP/1.1 and TLS, on a free port. */
export async function startTlsFront(app: INestApplication): Promise<TlsFront> {
  const folder = mkdtempSync(join(tmpdir(), 'sse-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  execFileSync(
    'openssl',
    ['req', '-x509', ...curve, '-nodes', '-keyout', key, '-out', cert, '-subj', '/CN=localhost'],
    {
      stdio: 'ignore',
    },
  );
  const inner = app.getHttpServer() as Server;
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    inner.emit('request', request, response);
  });
  rmSync(folder, { recursive: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
