import { SseQueue } from './sse-queue.js';

const read = <T>(queue: SseQueue<T>) => queue[Symbol.asyncIterator]();

async function drain(queue: SseQueue): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of queue) {
    events.push(event);
  }
  return events;
}

/** What a promise has come to by now. */
async function state(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([promise, new Promise((resolve) => setImmediate(resolve, 'pending'))]);
}

describe('SseQueue', () => {
  it.each([0, -1, 1.5, NaN, Infinity, '16', null])('refuses maxEvents %p', (maxEvents) => {
    expect(() => new SseQueue({ maxEvents: maxEvents as number })).toThrow(
      expect.objectContaining({ code: 'SSE_INVALID_OPTION', message: expect.stringContaining('maxEvents') }),
    );
  });

  it('holds 16 events unless told otherwise', async () => {
    const queue = new SseQueue();
    for (let n = 0; n < 16; n += 1) {
      expect(await queue.send(n)).toBe(true);
    }
    expect(queue.length).toBe(16);
    expect(await state(queue.send('one too many'))).toBe('pending');
    expect(queue.length).toBe(16);
    expect(new SseQueue({}).length).toBe(0);
  });

  it('delivers in the order of sending, each once, however senders and reader take turns', async () => {
    const queue = new SseQueue({ maxEvents: 3 });
    const sent = Array.from({ length: 500 }, (_, n) => n);
    const answers = sent.map((n) => queue.send(n));
    void Promise.all(answers).then(() => queue.close());
    expect(await drain(queue)).toEqual(sent);
    expect(await Promise.all(answers)).toEqual(sent.map(() => true));
  });

  it('tells a sender that waits when its event has its place, one per event taken', async () => {
    const queue = new SseQueue({ maxEvents: 1 });
    await queue.send('a');
    const b = queue.send('b');
    const c = queue.send('c');
    const reader = read(queue);
    expect(await state(b)).toBe('pending');
    expect(await reader.next()).toEqual({ done: false, value: 'a' });
    expect(await b).toBe(true);
    expect(await state(c)).toBe('pending');
    expect(queue.length).toBe(1);
  });

  it('hands an event straight to a reader that waits', async () => {
    const queue = new SseQueue({ maxEvents: 1 });
    const reader = read(queue);
    const results = [reader.next(), reader.next()];
    expect(await Promise.all([queue.send('a'), queue.send('b'), queue.send('c')])).toEqual([true, true, true]);
    expect(await Promise.all(results)).toEqual([
      { done: false, value: 'a' },
      { done: false, value: 'b' },
    ]);
    expect(queue.length).toBe(1);
  });

  it('passes on what is no event, for the encoder to refuse', async () => {
    const queue = new SseQueue();
    await queue.send(undefined as never);
    expect(await read(queue).next()).toEqual({ done: false, value: undefined });
  });

  describe('trySend()', () => {
    it('takes an event if there is room, and refuses it at once if there is none', async () => {
      const queue = new SseQueue({ maxEvents: 1 });
      expect(queue.trySend('a')).toBe(true);
      expect(queue.trySend('b')).toBe(false);
      queue.close();
      expect(queue.trySend('c')).toBe(false);
      expect(await drain(queue)).toEqual(['a']);
    });

    it('does not overtake a sender that waits', async () => {
      const queue = new SseQueue({ maxEvents: 1 });
      queue.trySend('a');
      void queue.send('b');
      const reader = read(queue);
      await reader.next();
      expect(queue.trySend('c')).toBe(false);
      expect(await reader.next()).toEqual({ done: false, value: 'b' });
    });
  });

  describe('close()', () => {
    it('delivers what was accepted, then ends; what waited is told false and never delivered', async () => {
      const queue = new SseQueue({ maxEvents: 2 });
      const answers = ['a', 'b', 'c', 'd'].map((event) => queue.send(event));
      expect(queue.closed).toBe(false);
      queue.close();
      expect(queue.closed).toBe(true);
      expect(await Promise.all(answers)).toEqual([true, true, false, false]);
      expect(await queue.send('e')).toBe(false);
      expect(await drain(queue)).toEqual(['a', 'b']);
    });

    it('delivers what was accepted, then throws its error, once', async () => {
      const queue = new SseQueue();
      await queue.send('a');
      const error = new Error('producer failed');
      queue.close(error);
      queue.close(new Error('too late'));
      const reader = read(queue);
      expect(await reader.next()).toEqual({ done: false, value: 'a' });
      await expect(reader.next()).rejects.toBe(error);
      expect(await reader.next()).toEqual({ done: true, value: undefined });
    });

    it('ends readers that wait, the first with the error', async () => {
      const queue = new SseQueue();
      const reader = read(queue);
      const results = Promise.allSettled([reader.next(), reader.next()]);
      queue.close('reason');
      expect(await results).toEqual([
        { status: 'rejected', reason: 'reason' },
        { status: 'fulfilled', value: { done: true, value: undefined } },
      ]);
    });

    it('raises nothing when nobody ever reads', async () => {
      const queue = new SseQueue();
      queue.close(new Error('unseen'));
      expect(await state(Promise.resolve('the process goes on'))).toBe('the process goes on');
    });
  });

  describe('whose reader leaves', () => {
    it('is closed, drops what was not taken, and tells senders that wait false', async () => {
      const queue = new SseQueue({ maxEvents: 1 });
      await queue.send('a');
      const waiting = queue.send('b');
      const reader = read(queue);
      expect(await reader.return?.()).toEqual({ done: true, value: undefined });
      expect(await waiting).toBe(false);
      expect(await queue.send('c')).toBe(false);
      expect(queue).toMatchObject({ closed: true, length: 0 });
      expect(await reader.next()).toEqual({ done: true, value: undefined });
    });

    it('ends its own pending read', async () => {
      const reader = read(new SseQueue());
      const pending = reader.next();
      await reader.return?.();
      expect(await pending).toEqual({ done: true, value: undefined });
    });

    it('drops the error it was closed with', async () => {
      const queue = new SseQueue();
      await queue.send('a');
      queue.close(new Error('nobody is there to see it'));
      const reader = read(queue);
      await reader.return?.();
      expect(await reader.next()).toEqual({ done: true, value: undefined });
    });

    it('is closed by leaving a for await loop', async () => {
      const queue = new SseQueue();
      await queue.send('a');
      for await (const _ of queue) {
        break;
      }
      expect(queue.closed).toBe(true);
    });
  });

  it('has one reader, whose iterator may itself be iterated', async () => {
    const queue = new SseQueue();
    const reader = read(queue);
    expect(reader[Symbol.asyncIterator]()).toBe(reader);
    expect(() => read(queue)).toThrow(expect.objectContaining({ code: 'SSE_ALREADY_STARTED' }));
    await queue.send('still works');
    expect(await reader.next()).toEqual({ done: false, value: 'still works' });
  });

  it('keeps nothing of 100,000 events that went through', async () => {
    const queue = new SseQueue<never>({ maxEvents: 100 });
    const reader = read(queue);
    for (let n = 0; n < 100; n += 1) {
      queue.trySend(n);
    }
    for (let n = 100; n < 100_000; n += 1) {
      const sent = queue.send(n);
      const { value } = await reader.next();
      if (value !== n - 100 || !(await sent)) {
        throw new Error(`Event ${n - 100} came wrong.`);
      }
    }
    // The only things that could grow; a heap measurement would prove less, and not always.
    const { events, senders, receivers } = queue as unknown as Record<string, { items: unknown[] }>;
    expect(events?.items.length).toBeLessThanOrEqual(300);
    expect(senders?.items).toHaveLength(0);
    expect(receivers?.items).toHaveLength(0);
  });
});
