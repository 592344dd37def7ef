import { request } from 'node:http';
import { textOf } from './answer.js';
import { now } from './clock.js';
import { serveCalls } from './serve-calls.js';

/** The process of those who read answers: each reads all of its text, which is compared. */

let readers = 0;

serveCalls({
  /**
   * @returns for each answer: milliseconds from the request to the first token, and to the end of the body; and whether it came
   *   whole
   */
  async read({ port, count, tokens }) {
    const expected = textOf(tokens);
    return await Promise.all(Array.from({ length: count }, () => read(port, `answer-${readers++}`, expected)));
  },
  cpu() {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
});

function read(port, id, expected) {
  return new Promise((resolve, reject) => {
    const startedAt = now();
    let firstToken;
    let text = '';
    let rest = '';
    const asked = request({ port, host: '127.0.0.1', path: `/answer/${id}`, agent: false }, (response) => {
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop();
        for (const line of lines) if (line.startsWith('data: ')) text += line.slice(6);
        if (text !== '') firstToken ??= now() - startedAt;
      });
      response.on('error', reject);
      response.on('end', () => {
        resolve({ firstToken, duration: now() - startedAt, isWhole: text === expected });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}
