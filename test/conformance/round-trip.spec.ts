import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { encodeComment, encodeEvent } from '../../lib/protocol/encoder.js';
import { Frame } from '../../lib/protocol/frame.js';
import { lineEndingEncoding, type LineEnding } from '../../lib/protocol/line-ending.js';
import { SseError } from '../../lib/protocol/sse-error.js';
import type { SseEventInit } from '../../lib/protocol/sse-event.js';
import { WireText } from '../../lib/protocol/wire-text.js';
import { runs } from '../support/runs.js';
import {
  dechunk,
  everyCut,
  sseDecoders,
  type Decoded,
  type DecodedEvent,
  type SseDecoder,
} from '../support/sse-decoder.js';

const lineEndings: readonly LineEnding[] = ['\n', '\r\n', '\r'];
const encoded = (text: string, lineEnding: LineEnding) => new WireText(text).in(lineEndingEncoding(lineEnding)).bytes;

/** The same runs every time; a failure prints the path to replay it with. */

const seeded = { seed: 20_250_917 };
/** Each of them is cut at every byte. */
const cuts = { ...seeded, numRuns: runs(400) };

/** What an attacker, or bad luck, would put where a text goes. */
const hostilePiece = fc.constantFrom(
  '\n',
  '\r',
  '\r\n',
  '\n\r',
  ':',
  ' ',
  '\t',
  '\0',
  '\u0085',
  '\u2028',
  '\u2029',
  '\v',
  '\f',
  '\ufeff',
  '\ufffd',
  '\ud83d',
  '\ude00',
  '😀',
  '豆腐',
  'é',
  'data: evil',
  'event: admin',
  'id: 666',
  'retry: 1',
  'data',
  ': ',
  '\n\ndata: evil\n\n',
  '\r\revent: admin\rdata: evil\r\r',
);

/** Any text: all of Unicode, lone surrogates, every mix of line breaks. */
const text = fc
  .array(fc.oneof({ weight: 3, arbitrary: hostilePiece }, fc.string({ unit: 'binary', maxLength: 6 })), {
    maxLength: 7,
  })
  .map((pieces) => pieces.join(''));

/** Any text that a type can be: no control characters, no lone surrogates. */
const type = text.map((any) => any.toWellFormed().replace(/\p{Cc}/gu, ''));

/** Any text that an id can be. */
const id = fc
  .oneof(
    type.map((any) => any.replace(/^ +| +$/g, '')),
    fc.bigInt().map(String),
  )
  .filter((any) => Buffer.byteLength(any) <= 128);

const retry = fc.nat({ max: Number.MAX_SAFE_INTEGER });

const data = fc.oneof(
  { weight: 3, arbitrary: text },
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>,
  fc.bigInt(),
  fc.boolean(),
);

const event: fc.Arbitrary<SseEventInit> = fc
  .record({ type, id, retry, comment: text, data }, { requiredKeys: [] })
  .filter((any) => Object.keys(any).length > 0)
  // What has a type and an id and no data is refused: it is a record more often than an event.
  .filter((any) => 'data' in any || !('type' in any && 'id' in any));

/** An event with anything at all in one or two of its fields. */
const hostileEvent = fc
  .tuple(
    event,
    fc.record(
      {
        type: fc.oneof(text, fc.anything()),
        event: fc.oneof(text, fc.anything()),
        id: fc.oneof(text, fc.double(), fc.anything()),
        retry: fc.oneof(fc.double(), text, fc.anything()),
        comment: fc.oneof(text, fc.anything()),
        data: fc.oneof(text, fc.anything({ withBigInt: true, withTypedArray: true, withDate: true, withMap: true })),
      },
      { requiredKeys: [] },
    ),
    fc.shuffledSubarray(['type', 'event', 'id', 'retry', 'comment', 'data'] as const, { maxLength: 2 }),
  )
  .map(([sound, hostile, keys]): SseEventInit => {
    const fields = keys.filter((key) => key in hostile).map((key) => [key, hostile[key]] as const);
    return { ...sound, ...Object.fromEntries(fields) };
  });

const arrives = (any: string): string => any.replace(/\r\n?|\n/g, '\n').toWellFormed();

function dataText(any: unknown): string {
  return typeof any === 'string' ? arrives(any) : typeof any === 'bigint' ? `${any}` : JSON.stringify(any);
}

/** What a client must make of a sequence of events: the standard's section 9.2.6, from the sender's side. */
function expected(events: readonly SseEventInit[], { deviations }: SseDecoder): Decoded {
  const decoded: DecodedEvent[] = [];
  const comments: string[] = [];
  let lastEventId = '';
  let lastRetry: number | undefined;
  for (const { type, id, retry, comment, data } of events) {
    const isDispatched = data !== undefined || type !== undefined;
    if (id !== undefined && (isDispatched || !deviations.losesIdWithoutData)) lastEventId = String(id);
    if (isDispatched) {
      decoded.push({ type: type || 'message', data: data === undefined ? '' : dataText(data), lastEventId });
    }
    lastRetry = retry ?? lastRetry;
    if (comment !== undefined) comments.push(...arrives(comment).split('\n'));
  }
  return { events: decoded, lastEventId, retry: lastRetry, comments };
}

/** As `expect(…).toEqual(like)`, which takes ten times as long when all is well. */
function expectDecoded({ decode }: SseDecoder, pieces: Iterable<Uint8Array>, like: Decoded): void {
  const { events, lastEventId, retry, comments = like.comments } = decode(pieces);
  const decoded: Decoded = { events, lastEventId, retry, comments };
  if (!isDeepStrictEqual(decoded, like)) {
    expect(decoded).toEqual(like);
    throw new Error('unreachable: the two comparisons disagree');
  }
}

describe.each(sseDecoders.map((decoder) => ({ name: decoder.name, decoder })))(
  'events read by $name',
  ({ decoder }) => {
    it.each(lineEndings)('arrive exactly as they were, cut at every byte, with lines ended by %j', (lineEnding) => {
      fc.assert(
        fc.property(event, (any) => {
          const like = expected([any], decoder);
          for (const pieces of everyCut(Buffer.from(encodeEvent(any, { lineEnding })))) {
            expectDecoded(decoder, pieces, like);
          }
        }),
        cuts,
      );
    });

    it.each(lineEndings)('arrive in their order when they come as one chunk, with lines ended by %j', (lineEnding) => {
      fc.assert(
        fc.property(
          fc.array(event, { minLength: 1, maxLength: 12 }),
          fc.array(fc.nat({ max: 2_000 })),
          (many, cuts) => {
            const like = expected(many, decoder);
            const body = dechunk(
              WireText.join(many.map((any) => Frame.of(any))).in(lineEndingEncoding(lineEnding)).chunk,
            );
            const at = [0, ...cuts.filter((cut) => cut <= body.length).sort((a, b) => a - b), body.length];
            const pieces = at.slice(1).map((end, index) => body.subarray(at[index], end));
            expectDecoded(decoder, pieces, like);
          },
        ),
        cuts,
      );
    });

    it('are one event or none, whatever stands in any field', () => {
      let accepted = 0;
      fc.assert(
        fc.property(hostileEvent, fc.constantFrom(...lineEndings), (any, lineEnding) => {
          let body: string;
          try {
            body = encodeEvent(any, { lineEnding });
          } catch (error) {
            expect(error).toBeInstanceOf(SseError);
            return;
          }
          accepted++;
          // One that was there before, and a marker after: nothing of the event reaches into either.
          const pieces = [
            `id: before${lineEnding}data: 1${lineEnding}${lineEnding}`,
            body,
            encodeEvent({ data: 'after' }),
          ];
          const { events } = decoder.decode(pieces.map((piece) => Buffer.from(piece)));
          const name = any.type ?? any.event;
          const isDispatched = any.data !== undefined || name !== undefined;
          expect(events.map(({ type }) => type)).toEqual(
            isDispatched ? ['message', name || 'message', 'message'] : ['message', 'message'],
          );
          expect(events.at(-1)?.data).toBe('after');
        }),
        { ...seeded, numRuns: runs(3_000) },
      );
      // Else the property would hold for an encoder that refuses everything.
      expect(accepted).toBeGreaterThan(runs(1_000));
    });

    it('are none at all when it was a comment, whatever stands in it', () => {
      fc.assert(
        fc.property(text, fc.constantFrom(...lineEndings), (any, lineEnding) => {
          const like: Decoded = { ...expected([], decoder), comments: arrives(any).split('\n') };
          expectDecoded(decoder, [Buffer.from(encodeComment(any, { lineEnding }))], like);
        }),
        { ...seeded, numRuns: runs(500) },
      );
    });

    it('carry an id that was put in later just like one that was there', () => {
      fc.assert(
        fc.property(event, id, fc.constantFrom(...lineEndings), (any, later, lineEnding) => {
          const { id: _, ...rest } = any;
          fc.pre(Object.keys(rest).length > 0);
          const like = expected([{ ...rest, id: later }], decoder);
          expectDecoded(decoder, [encoded(Frame.of(any).withId(later), lineEnding)], like);
          expectDecoded(decoder, [encoded(Frame.of(rest, later).text, lineEnding)], like);
        }),
        { ...seeded, numRuns: runs(500) },
      );
    });
  },
);
