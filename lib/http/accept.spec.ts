import { acceptsEventStream } from './accept.js';

describe('acceptsEventStream', () => {
  it.each([
    undefined,
    '',
    '*/*',
    'text/event-stream',
    'text/*',
    'TEXT/Event-Stream',
    'text/html, text/event-stream',
    'text/event-stream;charset=utf-8',
    'text/event-stream ; q=0.001',
    'application/json, */*;q=0.1',
    // Most specific first, not first come first: RFC 9110 §12.5.1
    '*/*;q=0, text/event-stream',
    'text/*;q=0,text/event-stream;q=0.5',
    'text/event-stream;q=0, text/event-stream;q=1',
    // What Java's own client sends.
    'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2',
  ])('is true for %j', (accept) => {
    expect(acceptsEventStream(accept)).toBe(true);
  });

  it.each([
    'application/json',
    'text/html',
    'text/event-streams',
    'text/event-stream;q=0',
    'text/event-stream;q=0.000, */*',
    'text/*;q=0, */*;q=1',
    '*/*;q=0',
    ',',
    'text/event-stream;q=nonsense',
  ])('is false for %j', (accept) => {
    expect(acceptsEventStream(accept)).toBe(false);
  });
});
