import { collectGarbage } from '../../test/support/collect-garbage.js';
import { Frame } from './frame.js';

describe('Frame', () => {
  it('is an event as text, and knows how many bytes it is', () => {
    const { text, byteLength } = Frame.of({ type: 't', id: 1, data: 'é' });
    expect([text, byteLength]).toEqual(['event: t\nid: 1\ndata: é\n\n', 25]);
  });

  // A channel with a filter or keys held 140 bytes more for each event of its history, which no bound counted.
  it('is not kept by the frame', async () => {
    const frame = Frame.of({ data: 'one' }, '1');
    const seen = new WeakRef(frame.event);
    await collectGarbage();
    expect(seen.deref()).toBeUndefined();
    expect(frame.event).toEqual({ id: '1', type: undefined, data: 'one' });
  });

  it('is read once for all who look at it, and none of them can change it for the others', () => {
    const frame = Frame.of({ type: 't', comment: 'data: no', data: 'a\nb' }, 'p-1');
    expect(frame.event).toEqual({ id: 'p-1', type: 't', data: 'a\nb' });
    expect(frame.event).toBe(frame.event);
    expect(Object.isFrozen(frame.event)).toBe(true);
  });

  it('is read anew for whoever wants it for himself', () => {
    const frame = Frame.of({ data: 'd' }, 'p-1');
    expect(frame.read()).toEqual({ id: 'p-1', type: undefined, data: 'd' });
    expect(frame.read()).not.toBe(frame.read());
  });

  it('fails when it is made, and not when it is written', () => {
    expect(() => Frame.of({ data: { n: 1n } })).toThrow(expect.objectContaining({ code: 'SSE_UNSERIALIZABLE_DATA' }));
    expect(() => Frame.of({ type: 'a\nb' })).toThrow(expect.objectContaining({ code: 'SSE_INVALID_TYPE' }));
  });

  it('serialises once, however often it is written', () => {
    let calls = 0;
    const frame = Frame.of({ data: {} }, undefined, () => `${++calls}`);
    frame.withId('7');
    frame.withId('8');
    expect(frame.text).toBe('data: 1\n\n');
    expect(calls).toBe(1);
  });

  it('does not change with the event that it was made of', () => {
    const event = { data: { n: 1 } };
    const frame = Frame.of(event);
    event.data.n = 2;
    expect(frame.text).toBe('data: {"n":1}\n\n');
  });

  it('takes an id that it is given over the one of the event', () => {
    expect(Frame.of({ id: 'own', data: 'd' }, 'given').text).toBe('id: given\ndata: d\n\n');
  });

  describe('with another id', () => {
    it('has it where an id stands', () => {
      const frame = Frame.of({ type: 'é', retry: 1, comment: 'c', data: 'a\nb' });
      expect(frame.withId('9')).toBe('event: é\nid: 9\nretry: 1\n: c\ndata: a\ndata: b\n\n');
    });

    it('has it instead of the one that is there', () => {
      expect(Frame.of({ type: 't', id: 'own', data: 'd' }).withId('9')).toBe('event: t\nid: 9\ndata: d\n\n');
      expect(Frame.of({ data: 'd' }, 'given').withId('9')).toBe('id: 9\ndata: d\n\n');
    });

    it('stays itself', () => {
      const frame = Frame.of({ data: 'd' }, '1');
      frame.withId('9');
      expect(frame.text).toBe('id: 1\ndata: d\n\n');
    });
  });
});
