import { createParser } from 'eventsource-parser';
import { encoders } from './encoders.js';
import { FIRST, eventOf } from './payload.js';
import { serveCalls } from './serve-calls.js';

/** The process of one encoder. What it makes is read back by an independent parser before its time counts. */

const event = (data) => ({ id: String(FIRST), type: 'tick', data });

const cases = {
  short: event('a'.repeat(88)),
  json: eventOf(0, FIRST),
  long: event('A line of ten kilobytes. '.repeat(410)),
  lines: event(Array.from({ length: 20 }, () => 'b'.repeat(60)).join('\n')),
};

/** Text is cheap while it is in pieces; whoever sends it has to put them together, so that is part of the work. */
const sink = Buffer.alloc(65_536);

serveCalls({
  async measure({ encoder, library, quick }) {
    const encode = await encoders[encoder]({ library });
    const result = {};
    for (const [name, init] of Object.entries(cases)) {
      if (isCorrect(encode(init), init)) result[name] = nanosecondsOf(encode, init, quick ? 100_000 : 300_000);
    }
    return result;
  },
});

function nanosecondsOf(encode, init, enoughMicroseconds) {
  const run = (count) => {
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) sink.write(encode(init));
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  let count = 1_000;
  // The last round but one has warmed up.
  for (;;) {
    const cpu = run(count);
    if (cpu >= enoughMicroseconds) return (cpu * 1_000) / count;
    count *= 2;
  }
}

function isCorrect(text, { id, type, data }) {
  const events = [];
  createParser({ onEvent: (parsed) => events.push(parsed) }).feed(text);
  const expected = typeof data === 'string' ? data : JSON.stringify(data);
  return events.length === 1 && events[0].data === expected && events[0].event === type && events[0].id === id;
}
