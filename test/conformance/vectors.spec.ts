import { encodeEvent } from '../../lib/protocol/encoder.js';
import { Frame } from '../../lib/protocol/frame.js';
import { lineEndingEncoding, type LineEnding } from '../../lib/protocol/line-ending.js';
import { decodeLastEventId } from '../../lib/protocol/last-event-id.js';
import { SseEvent, type SseEventInit } from '../../lib/protocol/sse-event.js';
import { toEventInit } from '../../lib/protocol/sse-event-like.js';
import { WireText } from '../../lib/protocol/wire-text.js';
import { dechunk, everyCut, sseDecoders } from '../support/sse-decoder.js';
import { decodeVectors, encodeVectors, headerVectors } from './vectors.js';

const lineEndings: readonly LineEnding[] = ['\n', '\r\n', '\r'];

/** Every way in which this layer turns an event into bytes. */
const writers: Readonly<Record<string, (event: SseEventInit, lineEnding: LineEnding) => Buffer>> = {
  encodeEvent: (event, lineEnding) => Buffer.from(encodeEvent(event, { lineEnding })),
  'encodeEvent of a yielded value': (event, lineEnding) => Buffer.from(encodeEvent(toEventInit(event), { lineEnding })),
  'encodeEvent of an SseEvent': (event, lineEnding) =>
    Buffer.from(encodeEvent(new SseEvent(event.data, event), { lineEnding })),
  'Frame, encoded': (event, lineEnding) => Buffer.from(lineEndingEncoding(lineEnding).encode(Frame.of(event).text)),
  'WireText of a Frame': (event, lineEnding) => bytesOf(event, lineEnding),
  'WireText of a Frame, as a chunk': (event, lineEnding) =>
    dechunk(WireText.join([Frame.of(event)]).in(lineEndingEncoding(lineEnding)).chunk),
  'Frame.withId and the id it has': (event, lineEnding) =>
    Buffer.from(
      lineEndingEncoding(lineEnding).encode(
        event.id === undefined ? Frame.of(event).text : Frame.of({ ...event, id: 'another' }).withId(String(event.id)),
      ),
    ),
};

function bytesOf(event: SseEventInit, lineEnding: LineEnding): Buffer {
  return WireText.join([Frame.of(event)]).in(lineEndingEncoding(lineEnding)).bytes;
}

describe.each(Object.entries(writers))('encode.json by %s', (_name, write) => {
  const accepted = encodeVectors.filter(({ error }) => error === undefined);
  const refused = encodeVectors.filter(({ error }) => error !== undefined);

  it.each(accepted)('$name: byte for byte, with each line ending ($rule)', ({ event, bytes = Buffer.alloc(0) }) => {
    for (const lineEnding of lineEndings) {
      const expected = bytes.toString('latin1').replaceAll('\n', lineEnding);
      expect(write(event, lineEnding).toString('latin1')).toBe(expected);
    }
  });

  it.each(refused)('$name: refuses with $error ($rule)', ({ event, error }) => {
    // A refused id cannot be the one that is spliced in.
    if (_name.startsWith('Frame.withId') && error?.includes('ID')) return;
    for (const lineEnding of lineEndings) {
      expect(() => write(event, lineEnding)).toThrow(expect.objectContaining({ name: 'SseError', code: error }));
    }
  });
});

describe.each(sseDecoders)('encode.json read by $name', ({ decode, deviations }) => {
  const accepted = encodeVectors.filter(({ error }) => error === undefined);

  it.each(accepted)('$name: arrives as the vector says, however it is cut', (vector) => {
    for (const lineEnding of lineEndings) {
      for (const pieces of everyCut(bytesOf(vector.event, lineEnding))) {
        const { events, lastEventId, retry } = decode(pieces);
        expect(events).toEqual(vector.decoded);
        expect(retry).toBe(vector.finalRetry);
        if (events.length > 0 || !deviations.losesIdWithoutData) {
          expect(lastEventId).toBe(vector.finalLastEventId);
        }
      }
    }
  });
});

describe.each(sseDecoders)('decode.json by $name, which the specs trust', ({ decode, deviations }) => {
  it.each(decodeVectors)('$name: $rule', (vector) => {
    for (const pieces of everyCut(vector.bytes)) {
      const { events, lastEventId, retry } = decode(pieces);
      expect(events).toEqual(vector.decoded);
      if (!deviations.losesIdWithoutData || vector.name !== 'dec-id-without-data') {
        expect(lastEventId).toBe(vector.finalLastEventId);
      }
      if (!deviations.losesRetryWithoutBlankLine || vector.name !== 'dec-retry-applies-without-event') {
        expect(retry).toBe(vector.finalRetry);
      }
    }
  });
});

describe('header.json by decodeLastEventId', () => {
  it.each(headerVectors)('$name: $rule', ({ header, cursor, error }) => {
    // As Node hands it over.
    const decoded = decodeLastEventId(header.toString('latin1'));
    if (error === undefined) {
      expect(decoded).toBe(cursor);
    } else {
      // Refusing it is for whoever mints positions; here it only has to arrive as something to refuse.
      expect(decoded).toEqual(expect.any(String));
    }
  });
});
