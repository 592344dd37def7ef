import { connect, type Socket } from 'node:net';
import { startChild, type Child } from '../support/child.js';
import { until } from '../support/until.js';

/** Each takes some megabytes of the kernel's. `READERS=300` for as many as the promise names. */
const READERS = Number(process.env.READERS ?? 60);
const BURST = { events: 4_096, bytes: 1_024 };
/** The slice that a stalled reader holds, and what its connection costs. */
const READER_BYTES = 131_072;
/** The history, in text and in bytes, with room for what V8 does not collect. */
const BASE_BYTES = 16_777_216;

// Readers that were full in the middle of a burst held all of it, each another one.
describe('readers that stall, each in another burst', () => {
  let server: Child;
  const sockets: Socket[] = [];
  beforeEach(async () => {
    server = await startChild('test/hardening/apps/bursts.app.ts', 'express');
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.process.kill();
    await server.exited;
  });

  const come = (reads: 'yes' | 'no') => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`GET /feed?reads=${reads} HTTP/1.1\r\nHost: x\r\n\r\n`);
    sockets.push(socket);
    return socket;
  };
  const allAre = async (fact: (now: { open: number; full: number }) => boolean) => {
    let isSo = false;
    while (!isSo) isSo = fact(await server.ask('full'));
  };

  it('hold a slice of it, not the burst', async () => {
    await server.ask('burst', BURST);
    const before = await server.ask<number>('memory');
    // What is written for several readers is one buffer: some read.
    for (let n = 0; n < 2; n++) come('yes').resume();
    for (let n = 0; n < READERS; n++) {
      // Not even the headers.
      come('no').pause();
      await allAre(({ open }) => open === n + 1);
      // As many as fill what the kernel keeps for it.
      for (let full = n; full === n; { full } = await server.ask<{ full: number }>('full')) {
        await server.ask('burst', BURST);
      }
    }
    const grown = (await server.ask<number>('memory')) - before;
    process.stdout.write(
      `  ${READERS} readers, each stalled in a burst of its own of 4 MB: ${(grown / 1_048_576).toFixed(1)} MB more\n`,
    );
    expect(grown).toBeLessThan(BASE_BYTES + READERS * READER_BYTES);

    // The first of them reads at last: it is told what it missed, and goes on.
    const reader = sockets[2];
    let text = '';
    reader!.setEncoding('latin1').on('data', (chunk: string) => (text = (text + chunk).slice(-8_192)));
    let isTold = false;
    reader!.on('data', () => (isTold ||= text.includes('"reason":"slow_client"')));
    reader!.resume();
    await until(() => isTold, 'it is told');
  }, 240_000);
});
