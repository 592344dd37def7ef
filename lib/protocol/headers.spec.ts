import { DEFAULT_HEADERS, mergeHeaders, type SseHeaders } from './headers.js';

describe('the headers of an event stream', () => {
  it('say what it is, that nobody may store it, and that nobody may hold it back', () => {
    expect(mergeHeaders(1, DEFAULT_HEADERS)).toEqual({
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'private, no-cache, no-store, no-transform',
      'X-Accel-Buffering': 'no',
      'X-Content-Type-Options': 'nosniff',
      Connection: 'keep-alive',
    });
  });

  it('say nothing of the connection in HTTP/2, whoever asked for it', () => {
    const own = { connection: 'close', 'Keep-Alive': '5', 'Transfer-Encoding': 'chunked', Upgrade: 'x', 'X-Own': '1' };
    expect(Object.keys(mergeHeaders(2, DEFAULT_HEADERS, own))).toEqual([
      'Content-Type',
      'Cache-Control',
      'X-Accel-Buffering',
      'X-Content-Type-Options',
      'X-Own',
    ]);
  });

  it('are those of the last layer that has an opinion, whatever the case', () => {
    const merged = mergeHeaders(1, DEFAULT_HEADERS, { 'cache-control': 'public' }, undefined, {
      'CACHE-CONTROL': 'public, max-age=29',
      'Content-Type': undefined,
    });
    expect(merged['CACHE-CONTROL']).toBe('public, max-age=29');
    expect(Object.keys(merged).filter((name) => name.toLowerCase() === 'cache-control')).toHaveLength(1);
    expect(merged['Content-Type']).toBe('text/event-stream');
  });

  it('lose one that is null or false, and may get it back', () => {
    expect(mergeHeaders(1, { A: '1', B: '1' }, { a: null, b: false }, { B: '2' })).toEqual({ B: '2' });
  });

  it.each<[SseHeaders, string | undefined]>([
    [{ 'Cache-Control': 'public, max-age=29' }, 'Last-Event-ID'],
    [{ 'cache-control': 'max-age=29,PUBLIC' }, 'Last-Event-ID'],
    [{ 'Cache-Control': 'public', vary: 'Origin' }, 'Origin, Last-Event-ID'],
    [{ 'Cache-Control': 'public', Vary: ['Origin', 'Cookie'] }, 'Origin, Cookie, Last-Event-ID'],
    [{ 'Cache-Control': 'public', Vary: 'last-event-id, Origin' }, 'last-event-id, Origin'],
    [{ 'Cache-Control': 'public', Vary: '*' }, '*'],
    [{ 'Cache-Control': 'no-cache', Vary: 'Origin' }, 'Origin'],
    [{ 'Cache-Control': 'no-cache, x-public' }, undefined],
    [{}, undefined],
  ])('name the position in Vary when shared caches may keep the answer: %j', (own, vary) => {
    const merged = Object.entries(mergeHeaders(1, DEFAULT_HEADERS, own));
    expect(merged.filter(([name]) => name.toLowerCase() === 'vary').map(([, value]) => value)).toEqual(
      vary === undefined ? [] : [vary],
    );
  });

  it('are text, or several texts', () => {
    const items = ['a=1', 'b=2'];
    const merged = mergeHeaders(1, { 'Set-Cookie': items, 'X-Limit': 5, 'X-Empty': '' });
    expect(merged).toEqual({ 'Set-Cookie': ['a=1', 'b=2'], 'X-Limit': '5', 'X-Empty': '' });
    expect(merged['Set-Cookie']).not.toBe(items);
  });

  it.each([true, {}, [1], Symbol('x'), () => 'x'])('are refused when a value is %p', (value) => {
    expect(() => mergeHeaders(1, { X: value } as unknown as SseHeaders)).toThrow(
      expect.objectContaining({ code: 'SSE_INVALID_OPTION', value }),
    );
  });

  it('may be named like something that every object has', () => {
    const merged = mergeHeaders(1, JSON.parse('{ "__proto__": "x", "constructor": "y" }') as SseHeaders);
    expect(Object.entries(merged)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(mergeHeaders(1, {}).constructor).toBeUndefined();
  });

  it('cannot be changed where they are kept', () => {
    expect(Object.isFrozen(DEFAULT_HEADERS)).toBe(true);
  });
});
