import { connect } from 'node:net';
import { now } from './clock.js';
import { MARK, FIRST, dataOf } from './payload.js';
import { serveCalls } from './serve-calls.js';

/**
 * The process of the load clients: raw sockets, no HTTP parser. Each event is compared, byte for byte, with the one that
 * its channel must send next; a figure counts only after every client has seen every event.
 */

/** Opened at the same time: well below the 511 that wait in a server's queue by default. */
const IN_FLIGHT = 100;

/** One source address has 28,000 ports. */
const PER_ADDRESS = 4_000;

/** What `EventSource` in a browser sends. */
const HEADERS = [
  'Host: 127.0.0.1',
  'Connection: keep-alive',
  'Accept: text/event-stream',
  'Cache-Control: no-cache',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: cors',
  'Sec-Fetch-Dest: empty',
  'Referer: http://127.0.0.1/',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-US,en;q=0.9',
];

/** All sockets read into the same memory: what is in it is looked at before the next read. */
const READ_BUFFER = Buffer.alloc(65_536);

const END_OF_HEADERS = '\r\n\r\n';

/** The frame that says where a channel stands: from now on nothing is missed. */
const POSITION = /^id: .*\n[^]*\n\n/m;

let clients = [];
let suffix = '';
let received = 0;
let failure;
let waiting;

/** Number and time of each event that came, one after the other, while that is wanted. */
let arrivals;

class Client {
  /** The number that comes next, for each channel. */
  next = [FIRST, FIRST, FIRST];
  rest = '';
  isOpen = false;

  /** @param waitsForPosition whether it is open only when it was told where its channel stands */
  constructor(port, address, request, waitsForPosition, opened) {
    this.waitsForPosition = waitsForPosition;
    this.opened = opened;
    this.socket = connect({
      host: '127.0.0.1',
      port,
      localAddress: address,
      onread: { buffer: READ_BUFFER, callback: (length, buffer) => this.read(buffer.latin1Slice(0, length)) },
    });
    this.socket.on('error', (error) => fail(`a connection failed: ${error.message}`));
    this.socket.on('end', () => this.isOpen || fail('a connection was closed before its headers came'));
    this.socket.write(request);
  }

  read(chunk) {
    const text = this.rest === '' ? chunk : this.rest + chunk;
    if (this.isOpen) this.rest = this.readEvents(text, 0);
    else this.rest = this.readHeaders(text);
    return true;
  }

  readHeaders(text) {
    const end = text.indexOf(END_OF_HEADERS);
    if (end === -1) return text;
    if (!text.startsWith('HTTP/1.1 200 ')) fail(`an answer was: ${text.slice(0, 200)}`);
    if (this.waitsForPosition && !POSITION.test(text.slice(end))) return text;
    this.isOpen = true;
    this.opened();
    return this.readEvents(text, end + END_OF_HEADERS.length);
  }

  /** @returns the start of an event that is not complete */
  readEvents(text, from) {
    for (;;) {
      const start = text.indexOf(MARK, from);
      if (start === -1) return text.slice(Math.max(from, text.length - MARK.length + 1));
      const end = text.indexOf('\n', start);
      if (end === -1) return text.slice(start);
      const channel = text.charCodeAt(start + MARK.length) - 48;
      const data = expected(channel, this.next[channel]++);
      if (end - start !== data.length || !text.startsWith(data, start)) {
        fail(`a client expected ${data}, and got ${text.slice(start, end)}`);
      }
      from = end;
      received++;
      arrivals?.push(this.next[channel] - 1, now());
      if (received === waiting?.events) waiting.resolve();
    }
  }
}

/** All clients wait for nearly the same event, so one for each channel is kept. */
const cache = [];

function expected(channel, n) {
  let entry = cache[channel];
  if (entry?.n !== n) entry = cache[channel] = { n, data: dataOf(channel, n, suffix) };
  return entry.data;
}

function fail(message) {
  failure ??= new Error(message);
  waiting?.reject(failure);
}

serveCalls({
  /** Resolves when `count` more clients have got their headers. */
  open({ port, path, count, lastEventId, suffix: wanted = '', waitsForPosition = false }) {
    suffix = wanted;
    received = 0;
    const lines = lastEventId === undefined ? HEADERS : [...HEADERS, `Last-Event-ID: ${lastEventId}`];
    // A # in the path is the number of the client, for those that ask for a channel each.
    const requestOf = (n) => `GET ${path.replace('#', n)} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
    return new Promise((resolve, reject) => {
      waiting = { reject };
      const start = clients.length;
      let open = 0;
      const openOne = () => {
        const block = Math.floor(clients.length / PER_ADDRESS);
        // The whole of 127.0.0.0/8 is this machine on Linux; elsewhere there is 127.0.0.1, and that is tried.
        const address = block > 0 && process.platform === 'linux' ? `127.0.0.${1 + block}` : undefined;
        const request = requestOf(clients.length - start);
        clients.push(
          new Client(port, address, request, waitsForPosition, () => {
            open++;
            if (open === count) resolve();
            else if (clients.length < start + count) openOne();
          }),
        );
      };
      for (let i = 0; i < Math.min(count, IN_FLIGHT); i++) openOne();
    });
  },

  /** Resolves when all clients together have got `events` events since they were opened. */
  async received({ events }) {
    if (failure) throw failure;
    if (received < events) await new Promise((resolve, reject) => (waiting = { events, resolve, reject }));
    if (received > events) throw new Error(`clients got ${received} events, not ${events}`);
  },

  /** From now on, the time of each event is kept. */
  watch: () => void (arrivals = []),

  /**
   * How long events took, in milliseconds: the median, and what 99 of 100 were faster than.
   *
   * @param first number of the first event
   * @param publishedAt when it and those after it were published, by `now()`
   */
  latencies({ first, publishedAt }) {
    const all = new Float64Array(arrivals.length / 2);
    for (let i = 0; i < all.length; i++) all[i] = arrivals[2 * i + 1] - publishedAt[arrivals[2 * i] - first];
    arrivals = undefined;
    all.sort();
    return { p50: all[Math.floor(all.length * 0.5)], p99: all[Math.floor(all.length * 0.99)] };
  },

  cpu() {
    const { user, system } = process.cpuUsage();
    return user + system;
  },

  /** Leaves by RST, so that no port has to wait for the next run. */
  leave() {
    for (const { socket } of clients) {
      socket.removeAllListeners('error').on('error', () => undefined);
      socket.resetAndDestroy();
    }
    clients = [];
  },
});
