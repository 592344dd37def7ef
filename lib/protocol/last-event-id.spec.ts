import { decodeLastEventId, readLastEventId } from './last-event-id.js';

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

describe('the Last-Event-ID header', () => {
  it('is UTF-8, which Node shows as Latin-1', () => {
    expect(decodeLastEventId(latin1('…é😀'))).toBe('…é😀');
  });

  it('gives U+FFFD for what is no UTF-8, so that it is no id of ours', () => {
    expect(decodeLastEventId('a\xffb')).toBe('a\ufffdb');
    expect(decodeLastEventId('\xe2\x80')).toBe('\ufffd');
  });

  it('loses spaces and tabs around it, and nothing else', () => {
    expect(decodeLastEventId(' \t 1 2 \t')).toBe('1 2');
    // `trim()` would take all of these. The last byte of "à" is a no-break space in Latin-1.
    for (const id of ['à', '\u00a0x\u00a0', '\ufeffx', '\u2028', '\u3000']) {
      expect(decodeLastEventId(latin1(id))).toBe(id);
    }
  });

  it.each([undefined, '', ' ', '\t \t', []])('is absent when it is %p', (raw) => {
    expect(decodeLastEventId(raw)).toBeUndefined();
  });

  it('is one text when it was sent twice, as Node joins it, and so none of ours', () => {
    expect(decodeLastEventId(['1', '2'])).toBe('1, 2');
    expect(decodeLastEventId('1, 2')).toBe('1, 2');
  });

  it('is left alone when it did not come from a socket', () => {
    // Cutting the high byte off U+0131 would make the id "1" of it.
    expect(decodeLastEventId('\u0131')).toBe('\u0131');
    expect(decodeLastEventId(' …é ')).toBe('…é');
  });

  it.each([1, null, true, {}, Symbol('x'), [1, null], new Date()])('gives nothing and throws nothing for %p', (raw) => {
    expect(decodeLastEventId(raw as string)).toBeUndefined();
  });
});

describe('the id that a client resumes from', () => {
  it('is in the header, which is newer than the query of the same URL', () => {
    expect(readLastEventId({ 'last-event-id': '2' }, { lastEventId: '1' })).toBe('2');
  });

  it.each([
    [{ lastEventId: '1' }, '1'],
    [{ last_event_id: '1' }, '1'],
    [{ lastEventId: '1', last_event_id: '2' }, '1'],
    [{ lastEventId: '', last_event_id: '2' }, '2'],
    [{ lastEventId: { a: '1' }, last_event_id: '2' }, '2'],
    [{ lastEventId: ['1', '2'] }, '1'],
    [{ lastEventId: ' 1 ' }, '1'],
    [{ lastEventId: '…é' }, '…é'],
    [{ lastEventId: 'é' }, 'é'],
    [Object.assign(Object.create(null) as object, { lastEventId: '1' }), '1'],
  ])('is in the query otherwise, which is decoded already: %j', (query, id) => {
    expect(readLastEventId({}, query)).toBe(id);
    expect(readLastEventId({ 'last-event-id': '' }, query)).toBe(id);
  });

  it.each([
    undefined,
    null,
    '',
    'lastEventId=1',
    1,
    [],
    {},
    { lastEventId: [] },
    { lastEventId: [['1']] },
    { lastEventId: 1 },
  ])('is nowhere in the query %j', (query) => {
    expect(readLastEventId({}, query)).toBeUndefined();
  });
});
