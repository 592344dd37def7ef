import { Observable, Subject, concat, from, of, throwError } from 'rxjs';
import { ObservableSource, type ObservableLike } from './observable-source.js';
import { RecordingSink } from '../../test/support/recording-sink.js';

function prepare(observable: ObservableLike) {
  return { source: new ObservableSource(observable), sink: new RecordingSink() };
}

function open(observable: ObservableLike) {
  const prepared = prepare(observable);
  prepared.source.open(prepared.sink);
  return prepared;
}

type Observer = Parameters<ObservableLike['subscribe']>[0];

const macrotask = () => new Promise((resolve) => setImmediate(resolve));

describe('ObservableSource', () => {
  it('subscribes when it is opened, not before', () => {
    const subscribe = jest.fn();
    const { source, sink } = prepare({ subscribe });
    expect(subscribe).not.toHaveBeenCalled();
    source.open(sink);
    expect(subscribe).toHaveBeenCalledTimes(1);
  });

  it('never subscribes when it is cancelled before', () => {
    const subscribe = jest.fn();
    const { source, sink } = prepare({ subscribe });
    source.cancel();
    source.open(sink);
    expect(subscribe).not.toHaveBeenCalled();
  });

  it('passes on what comes while it subscribes, and the end as well', () => {
    expect(open(of(1, 2)).sink).toMatchObject({ values: [1, 2], ends: ['completed'] });
    const error = new Error('at once');
    expect(
      open(
        concat(
          of(1),
          throwError(() => error),
        ),
      ).sink,
    ).toMatchObject({ values: [1], ends: [error] });
  });

  it('does not wait for room', () => {
    const { source, sink } = prepare(from(Array(1_000).keys()));
    sink.room = () => new Promise(() => undefined);
    source.open(sink);
    expect(sink.values).toHaveLength(1_000);
  });

  it('tears down once, and drops the rest, when it is cancelled by a value that comes while it subscribes', () => {
    const teardown = jest.fn();
    const { source, sink } = prepare(
      new Observable((subscriber) => {
        subscriber.next(1);
        subscriber.next(2);
        return teardown;
      }),
    );
    sink.onValue = () => source.cancel();
    source.open(sink);
    expect(teardown).toHaveBeenCalledTimes(1);
    source.cancel();
    expect(teardown).toHaveBeenCalledTimes(1);
    expect(sink).toMatchObject({ values: [1], ends: [], strays: [] });
  });

  it('tears down once, and fails, when the sink refuses a value that comes while it subscribes', () => {
    const refusal = new Error('cannot be sent');
    const teardown = jest.fn();
    const { source, sink } = prepare(
      new Observable((subscriber) => {
        subscriber.next(1);
        subscriber.next(2);
        return teardown;
      }),
    );
    sink.onValue = () => {
      throw refusal;
    };
    source.open(sink);
    expect(teardown).toHaveBeenCalledTimes(1);
    expect(sink).toMatchObject({ values: [1], ends: [refusal], strays: [] });
  });

  it('never lets an error out into next(), where rxjs would make it an uncaught exception', async () => {
    const subject = new Subject();
    const { sink } = open(subject);
    sink.onValue = () => {
      throw new Error('cannot be sent');
    };
    expect(() => subject.next(1)).not.toThrow();
    // An uncaught exception would fail the run here.
    await macrotask();
    expect(sink.ends).toHaveLength(1);
    expect(subject.observed).toBe(false);
  });

  it('tells a refusal as a stray error when the sink cancelled before it refused', () => {
    const subject = new Subject();
    const { source, sink } = open(subject);
    const refusal = new Error('cannot be sent');
    sink.onValue = () => {
      source.cancel();
      throw refusal;
    };
    subject.next(1);
    expect(sink).toMatchObject({ ends: [], strays: [refusal] });
    expect(subject.observed).toBe(false);
  });

  it('tells what a teardown throws as a stray error', () => {
    const broken = new Error('broken teardown');
    const { source, sink } = open(
      new Observable(() => () => {
        throw broken;
      }),
    );
    source.cancel();
    expect(sink.strays).toEqual([expect.objectContaining({ errors: [broken] })]);
    expect(sink.ends).toEqual([]);
  });

  it('fails when subscribe() throws', () => {
    const error = new Error('no subscription');
    const { sink } = open({
      subscribe() {
        throw error;
      },
    });
    expect(sink.ends).toEqual([error]);
  });

  describe('with an Observable that keeps to no rule', () => {
    function hostile() {
      let observer!: Observer;
      const unsubscribe = jest.fn();
      const opened = open({
        subscribe(it) {
          observer = it;
          return { unsubscribe };
        },
      });
      return { ...opened, observer, unsubscribe };
    }

    it.each<[string, (observer: Observer) => void, unknown]>([
      ['completed', (observer) => observer.complete(), 'completed'],
      ['failed', (observer) => observer.error('first'), 'first'],
    ])('takes nothing more once it has %s, and tells errors as stray ones', (_, end, told) => {
      const { sink, source, observer, unsubscribe } = hostile();
      end(observer);
      observer.next(1);
      observer.complete();
      observer.error('second');
      source.cancel();
      expect(sink).toMatchObject({ values: [], ends: [told], strays: ['second'] });
      expect(unsubscribe).not.toHaveBeenCalled();
    });

    it('takes nothing after it was cancelled', () => {
      const { sink, source, observer, unsubscribe } = hostile();
      source.cancel();
      observer.next(1);
      observer.complete();
      observer.error('late');
      expect(sink).toMatchObject({ values: [], ends: [], strays: ['late'] });
      expect(unsubscribe).toHaveBeenCalledTimes(1);
    });

    it('tells what subscribe() throws after the end as a stray error', () => {
      const { sink } = open({
        subscribe(observer) {
          observer.complete();
          throw new Error('after the end');
        },
      });
      expect(sink).toMatchObject({ ends: ['completed'], strays: [expect.any(Error)] });
    });

    it('does not unsubscribe from what ended while it was subscribed to', () => {
      const unsubscribe = jest.fn();
      for (const end of ['complete', 'error'] as const) {
        const { sink } = open({
          subscribe(observer) {
            observer[end]('over');
            return { unsubscribe };
          },
        });
        expect(sink.ends).toHaveLength(1);
      }
      expect(unsubscribe).not.toHaveBeenCalled();
    });

    it('unsubscribes by a function, and from nothing at all', () => {
      const unsubscribe = jest.fn();
      open({ subscribe: () => unsubscribe }).source.cancel();
      expect(unsubscribe).toHaveBeenCalledTimes(1);
      for (const nothing of [undefined, null, {}, 7]) {
        const { source, sink } = open({ subscribe: () => nothing });
        source.cancel();
        expect(sink.strays).toEqual([]);
      }
    });
  });
});
