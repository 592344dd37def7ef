import { encodeComment, encodeEvent, encodeEventWithId } from './encoder.js';
import type { LineEnding } from './line-ending.js';
import { SseError, type SseErrorCode } from './sse-error.js';
import type { SseEventInit } from './sse-event.js';

const refusal = (code: SseErrorCode): Error => expect.objectContaining({ name: 'SseError', code }) as Error;

describe('encodeEvent', () => {
  it('is refused for keys that no event has, which would be lost, and for what cannot be read', () => {
    const row = { id: 7, data: {}, created_at: 'now' };
    expect(() => encodeEvent(row)).toThrow(expect.objectContaining({ code: 'SSE_INVALID_EVENT', value: row }));
    expect(() => encodeEvent(row)).toThrow(/created_at/);
    expect(encodeEvent({ data: 'a', created_at: undefined } as SseEventInit)).toBe('data: a\n\n');
    const { proxy, revoke } = Proxy.revocable({ data: 'a' }, {});
    revoke();
    expect(() => encodeEvent(proxy)).toThrow(expect.objectContaining({ code: 'SSE_INVALID_EVENT' }));
  });

  it('writes the fields in the order event, id, retry, comment, data', () => {
    const event = { data: 'd', comment: 'c', retry: 1, id: 'i', type: 't' };
    expect(encodeEvent(event)).toBe('event: t\nid: i\nretry: 1\n: c\ndata: d\n\n');
  });

  it('takes event as another name for type, and refuses two that differ', () => {
    expect(encodeEvent({ event: 'a' })).toBe('event: a\ndata: \n\n');
    expect(encodeEvent({ event: 'a', type: 'a' })).toBe('event: a\ndata: \n\n');
    expect(() => encodeEvent({ event: 'a', type: 'b' })).toThrow(refusal('SSE_INVALID_TYPE'));
    expect(() => encodeEvent({ event: '', type: 'b' })).toThrow(refusal('SSE_INVALID_TYPE'));
  });

  it('refuses a line ending that is none', () => {
    for (const lineEnding of ['\n\n', '', ' ', 1, '\n\r'] as unknown as LineEnding[]) {
      expect(() => encodeEvent({ data: 1 }, { lineEnding })).toThrow(refusal('SSE_INVALID_OPTION'));
      expect(() => encodeComment('', { lineEnding })).toThrow(refusal('SSE_INVALID_OPTION'));
    }
  });

  it('splits a long text with many line breaks of both kinds in linear time', () => {
    const data = `${'a\n'.repeat(200_000)}${'b\r\n'.repeat(200_000)}\r`;
    const startedAt = performance.now();
    const lines = encodeEvent({ data }).split('\n');
    // Some 30 ms; searching the rest of the text again for each line would take minutes.
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    expect(lines.filter((line) => line === 'data: a')).toHaveLength(200_000);
    expect(lines.filter((line) => line === 'data: b')).toHaveLength(200_000);
    // After the final CR LF comes an empty line, and after the CR another one.
    expect(lines.slice(-5)).toEqual(['data: b', 'data: ', 'data: ', '', '']);
  });

  describe('reading the event', () => {
    it('reads each field once, so that no getter can pass one value and send another', () => {
      const reads: string[] = [];
      const answers: Record<string, unknown[]> = { type: ['a', 'a\nb'], id: ['1', '1\n2'], retry: [1, -1] };
      const event = new Proxy(
        {},
        {
          has: () => true,
          get(_target, key: string) {
            reads.push(key);
            return answers[key]?.shift();
          },
        },
      );
      expect(encodeEvent(event)).toBe('event: a\nid: 1\nretry: 1\ndata: \n\n');
      expect(new Set(reads).size).toBe(reads.length);
    });

    it('passes on what a getter throws, as the cause', () => {
      const cause = new Error('lazy loading failed');
      const event = {
        get data(): string {
          throw cause;
        },
      };
      expect(() => encodeEvent(event)).toThrow(expect.objectContaining({ code: 'SSE_INVALID_EVENT', cause }));
    });

    it.each(['text', 1, null, undefined, () => 1])('refuses what is not an object: %p', (event) => {
      expect(() => encodeEvent(event as SseEventInit)).toThrow(refusal('SSE_INVALID_EVENT'));
    });

    it('refuses an object that is not meant as an event', () => {
      expect(() => encodeEvent({ name: 'Ann' } as SseEventInit)).toThrow(refusal('SSE_INVALID_EVENT'));
      expect(() => encodeEvent({ id: 7, name: 'Ann' } as SseEventInit)).toThrow(refusal('SSE_INVALID_EVENT'));
    });

    it('refuses an event whose fields are all undefined', () => {
      expect(() => encodeEvent({ data: undefined, type: undefined, id: undefined })).toThrow(
        refusal('SSE_EMPTY_MESSAGE'),
      );
    });
  });

  describe('data', () => {
    it.each<[unknown, string]>([
      ['', ''],
      [-0, '0'],
      [1e21, '1e+21'],
      [true, 'true'],
      [12345678901234567890n, '12345678901234567890'],
      [new Date(0), '"1970-01-01T00:00:00.000Z"'],
      [{ a: 'x\r\ny' }, '{"a":"x\\r\\ny"}'],
      [{ toJSON: () => 'a\nb' }, '"a\\nb"'],
      ['\ufeffx', '\ufeffx'],
      ['a\0b', 'a\0b'],
      [' x ', ' x '],
    ])('%p is written as %j', (data, text) => {
      expect(encodeEvent({ data })).toBe(`data: ${text}\n\n`);
    });

    it('writes a lone surrogate as U+FFFD, which is what UTF-8 makes of it', () => {
      expect(encodeEvent({ data: 'a\ud800\nb', comment: '\udc00' })).toBe(': \ufffd\ndata: a\ufffd\ndata: b\n\n');
    });

    it.each([NaN, Infinity, -Infinity])('refuses %p, which JSON would turn into null', (data) => {
      expect(() => encodeEvent({ data })).toThrow(refusal('SSE_UNSERIALIZABLE_DATA'));
    });

    it.each([
      ['a symbol', Symbol('x')],
      ['a function', () => 1],
      ['what JSON leaves out', { toJSON: () => undefined }],
      ['what JSON refuses', { n: 1n }],
      [
        'what throws when JSON asks',
        {
          toJSON: () => {
            throw new Error('no');
          },
        },
      ],
    ])('refuses what has no text form: %s', (_what, data) => {
      expect(() => encodeEvent({ data })).toThrow(refusal('SSE_UNSERIALIZABLE_DATA'));
    });

    it.each([
      Buffer.from('x'),
      new Uint16Array(1),
      new ArrayBuffer(1),
      new SharedArrayBuffer(1),
      new DataView(new ArrayBuffer(1)),
    ])('refuses bytes, whatever serialize would do with them: %p', (data) => {
      expect(() => encodeEvent({ data }, { serialize: () => 'x' })).toThrow(refusal('SSE_INVALID_DATA'));
    });
  });

  describe('with a serialize of its own', () => {
    it('asks it for everything but strings', () => {
      const serialize = (data: unknown): string => `<${String(data)}>`;
      expect(encodeEvent({ data: 'x' }, { serialize })).toBe('data: x\n\n');
      for (const data of [1, NaN, 1n, true, null, ['a']]) {
        expect(encodeEvent({ data }, { serialize })).toBe(`data: <${String(data)}>\n\n`);
      }
    });

    it('carries line breaks in what it returns', () => {
      expect(encodeEvent({ data: {} }, { serialize: () => '{\n}\r' })).toBe('data: {\ndata: }\ndata: \n\n');
    });

    it('passes on what it throws, as the cause', () => {
      const cause = new Error('no');
      const serialize = (): never => {
        throw cause;
      };
      expect(() => encodeEvent({ data: {} }, { serialize })).toThrow(
        expect.objectContaining({ code: 'SSE_UNSERIALIZABLE_DATA', cause }),
      );
    });

    it.each([undefined, 1, {}, Promise.resolve('x')])(
      'refuses what it returns when it is no string: %p',
      (returned) => {
        expect(() => encodeEvent({ data: {} }, { serialize: () => returned as string })).toThrow(
          refusal('SSE_UNSERIALIZABLE_DATA'),
        );
      },
    );
  });

  describe('id', () => {
    it.each<[string | number | bigint, string]>([
      [-0, '0'],
      [-5, '-5'],
      [Number.MAX_SAFE_INTEGER, '9007199254740991'],
      [2n ** 64n, '18446744073709551616'],
      [10n ** 127n, `1${'0'.repeat(127)}`],
      ['a b', 'a b'],
      ['\u2028', '\u2028'],
      ['\ufeffx', '\ufeffx'],
      ['\u00a0', '\u00a0'],
      ['😀'.repeat(32), '😀'.repeat(32)],
      ['a:b,c;"d"', 'a:b,c;"d"'],
    ])('%p is written as %j', (id, text) => {
      expect(encodeEvent({ id })).toBe(`id: ${text}\n\n`);
    });

    it.each(['\t', 'a\tb', '\x1f', '\x7f', '\x80', '\u0085', 'a\udc00b', '\ud83d', ' ', 'a ', ' a', NaN, 0.5, 2 ** 53])(
      'refuses %p, which would not come back unchanged',
      (id) => {
        expect(() => encodeEvent({ id })).toThrow(refusal('SSE_INVALID_ID'));
      },
    );

    it.each([null, true, {}, [1], Symbol('x'), () => 1, Buffer.from('1')])('refuses another type: %p', (id) => {
      expect(() => encodeEvent({ id: id as string })).toThrow(refusal('SSE_INVALID_ID'));
    });

    it.each([
      'x'.repeat(129),
      '豆'.repeat(43),
      `${'😀'.repeat(32)}x`,
      10n ** 128n,
      -(10n ** 127n),
      '\n'.repeat(1_000_000),
    ])('refuses more than 128 bytes of UTF-8', (id) => {
      expect(() => encodeEvent({ id })).toThrow(refusal('SSE_ID_TOO_LONG'));
    });

    it('takes exactly 128 bytes', () => {
      expect(encodeEvent({ id: 'é'.repeat(64) })).toBe(`id: ${'é'.repeat(64)}\n\n`);
      expect(encodeEvent({ id: -(10n ** 126n) })).toContain('id: -1000');
    });
  });

  describe('type', () => {
    it('keeps spaces, of which a client takes away the first only', () => {
      expect(encodeEvent({ type: ' a ' })).toBe('event:  a \ndata: \n\n');
    });

    it('keeps the empty string, which means message', () => {
      expect(encodeEvent({ type: '' })).toBe('event: \ndata: \n\n');
    });

    it.each(['a\0', 'a\tb', '\x7f', '\u0085', '\ud800', 1, null, {}, ['a']])('refuses %p', (type) => {
      expect(() => encodeEvent({ type: type as string, data: 1 })).toThrow(refusal('SSE_INVALID_TYPE'));
    });
  });

  it.each(['5', null, 5n, -0.1, NaN])('refuses a retry of %p', (retry) => {
    expect(() => encodeEvent({ retry: retry as number })).toThrow(refusal('SSE_INVALID_RETRY'));
  });

  it('writes a retry of minus zero as 0', () => {
    expect(encodeEvent({ retry: -0 })).toBe('retry: 0\n\n');
  });

  it.each([1, null, {}, ['a']])('refuses a comment of %p', (comment) => {
    expect(() => encodeEvent({ comment: comment as string })).toThrow(refusal('SSE_INVALID_COMMENT'));
  });

  it('names the value and what to do in each refusal', () => {
    expect(() => encodeEvent({ id: 'a\nb' })).toThrow(
      new SseError(
        'SSE_INVALID_ID',
        `An event's id is "a\\nb". It would not come back unchanged: leave out line breaks, control characters, ` +
          'lone surrogates, and spaces at either end.',
      ),
    );
  });
});

describe('encodeComment', () => {
  it('is a frame of its own', () => {
    expect(encodeComment('hi')).toBe(': hi\n\n');
    expect(encodeComment('')).toBe(': \n\n');
  });

  it('makes a comment of each line, with the line ending asked for', () => {
    expect(encodeComment('a\r\nb\rc\nd', { lineEnding: '\r\n' })).toBe(': a\r\n: b\r\n: c\r\n: d\r\n\r\n');
  });

  it.each([undefined, null, 1, {}])('refuses %p', (text) => {
    expect(() => encodeComment(text as string)).toThrow(refusal('SSE_INVALID_COMMENT'));
  });
});

describe('encodeEventWithId', () => {
  it('writes the given id instead of the own one, of any length', () => {
    const id = 'x'.repeat(500);
    expect(encodeEventWithId({ type: 't', id: 'own', data: 'd' }, id)).toBe(`event: t\nid: ${id}\ndata: d\n\n`);
  });

  it('does not look at the own id, which is not sent', () => {
    expect(encodeEventWithId({ id: 'a\nb', data: 'd' }, '1')).toBe('id: 1\ndata: d\n\n');
  });

  it('makes no event of nothing', () => {
    expect(() => encodeEventWithId({ data: undefined }, '1')).toThrow(refusal('SSE_EMPTY_MESSAGE'));
  });
});
