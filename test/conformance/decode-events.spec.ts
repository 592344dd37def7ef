import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { encodeEvent } from '../../lib/protocol/encoder.js';
import type { SseDecodedEvent } from '../../lib/protocol/event-decoder.js';
import { decodeEvents, type SseReadable } from '../../lib/source/decode-events.js';
import { everyCut, sseDecoders } from '../support/sse-decoder.js';
import { decodeVectors } from './vectors.js';

/** Reads everything. */
async function read(readable: SseReadable) {
  const events: SseDecodedEvent[] = [];
  const decoded = decodeEvents(readable);
  for (;;) {
    const { done, value } = await decoded.next();
    if (done) return { events, ...value };
    events.push(value);
  }
}

async function* pieces(parts: Iterable<Uint8Array | string>) {
  yield* parts;
}

const kinds: Record<string, (parts: readonly Uint8Array[]) => SseReadable> = {
  'an async iterable of bytes': (parts) => pieces(parts),
  'a Readable': (parts) => Readable.from(parts.map((part) => Buffer.from(part))),
  'a web ReadableStream': (parts) =>
    new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(part);
        controller.close();
      },
    }),
};

/** As a client counts: what an event left out is what was said before. */
function asDispatched(events: readonly SseDecodedEvent[]) {
  let lastEventId = '';
  return events.map(({ type = 'message', data, id }) => ({
    type,
    data,
    lastEventId: (lastEventId = id ?? lastEventId),
  }));
}

describe.each(Object.entries(kinds))('decodeEvents() of %s', (_, readableOf) => {
  it.each(decodeVectors)('$name: $rule, however it is cut', async (vector) => {
    for (const parts of everyCut(vector.bytes)) {
      const { events, lastEventId, retry } = await read(readableOf(parts));
      expect(asDispatched(events)).toEqual(vector.decoded);
      expect([lastEventId, retry]).toEqual([vector.finalLastEventId, vector.finalRetry]);
    }
  });
});

describe('decodeEvents()', () => {
  it('reads text that was decoded already', async () => {
    for (let at = 0; at < 14; at++) {
      const text = '\uFEFFdata: é\r\n\r\n';
      expect((await read(pieces([text.slice(0, at), text.slice(at)]))).events).toEqual([{ data: 'é' }]);
    }
  });

  it.each(sseDecoders)('gives events that arrive, sent again, as they came: $name', async ({ decode, deviations }) => {
    for (const { name, bytes, decoded } of decodeVectors) {
      const { events } = await read(pieces([bytes]));
      const again = decode([Buffer.from(events.map((event) => encodeEvent(event)).join(''))]);
      if (name !== 'dec-id-without-data' || !deviations.losesIdWithoutData) expect(again.events).toEqual(decoded);
    }
  });

  it('cancels what it reads when the loop is left', async () => {
    const reasons: string[] = [];
    const readable = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from('data: 1\n\ndata: 2\n\n')),
      cancel: () => void reasons.push('cancelled'),
    });
    for await (const { data } of decodeEvents(readable)) {
      expect(data).toBe('1');
      break;
    }
    expect(reasons).toEqual(['cancelled']);
  });

  it('fails with what reading fails with, after the events before it', async () => {
    async function* broken() {
      yield 'data: 1\n\n';
      throw new Error('the upstream is gone');
    }
    const decoded = decodeEvents(broken());
    expect(await decoded.next()).toEqual({ done: false, value: { data: '1' } });
    await expect(decoded.next()).rejects.toThrow('the upstream is gone');
  });

  it('does not gather without an end what has no end', async () => {
    async function* endless() {
      for (;;) yield 'x'.repeat(1_048_576);
    }
    await expect(read(endless())).rejects.toMatchObject({ code: 'SSE_EVENT_TOO_LONG' });
  });
});
