import { inspect } from 'node:util';
import { SSE_ERROR_CODES, SseError } from './sse-error.js';

describe('SseError', () => {
  it('is an Error with a name and a code', () => {
    const error = new SseError('SSE_CLOSED', 'The queue is closed.');
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('SseError');
    expect(error.code).toBe('SSE_CLOSED');
    expect(String(error)).toBe('SseError: The queue is closed.');
  });

  it('carries the refused value and the cause as they were', () => {
    const value = { n: 1n };
    const cause = new TypeError('no');
    const error = new SseError('SSE_UNSERIALIZABLE_DATA', 'No.', { value, cause });
    expect(error.value).toBe(value);
    expect(error.cause).toBe(cause);
  });

  it('has no cause at all when it was given none', () => {
    expect('cause' in new SseError('SSE_CLOSED', 'Closed.', { value: 1 })).toBe(false);
  });

  it('keeps a cause that is undefined, because someone threw that', () => {
    expect('cause' in new SseError('SSE_CLOSED', 'Closed.', { cause: undefined })).toBe(true);
  });

  it.each<[string, (error: SseError) => unknown]>([
    ['util.inspect', (error) => inspect(error, { depth: Infinity })],
    ['util.inspect with what is hidden', (error) => inspect(error, { depth: Infinity, showHidden: true })],
    ['JSON', (error) => JSON.stringify(error)],
    ['a copy of what is enumerable', (error) => inspect({ ...error })],
    ['a list of its own names', (error) => inspect(Object.getOwnPropertyNames(error))],
  ])('shows the refused value to nobody who prints it: %s', (_, print) => {
    const value = { url: 'redis://:hunter2@localhost', toJSON: () => 'hunter2' };
    const printed = String(print(new SseError('SSE_INVALID_OPTION', 'No.', { value })));
    expect(printed).not.toMatch(/hunter2|redis:|'value'/);
    expect(printed).toMatch(/code|SSE_INVALID_OPTION/);
  });

  it('is an instance of an SseError of another build of this package, and nothing else is', () => {
    class Own extends SseError {}
    const foreign = Object.assign(new Error('foreign'), { [Symbol.for('nestjs-event-stream.error')]: true });
    expect(foreign instanceof SseError).toBe(true);
    expect(new Own('SSE_CLOSED', 'Closed.')).toBeInstanceOf(SseError);
    expect(new Own('SSE_CLOSED', 'Closed.')).toBeInstanceOf(Own);
    for (const other of [new Error('no'), { code: 'SSE_CLOSED' }, null, undefined, 'SseError', 7]) {
      expect((other as unknown) instanceof SseError).toBe(false);
    }
    expect(new SseError('SSE_CLOSED', 'Closed.') instanceof Own).toBe(false);
  });

  it('lists each code once', () => {
    expect(new Set(SSE_ERROR_CODES).size).toBe(SSE_ERROR_CODES.length);
  });
});
