import { describeWith } from '../support/external.js';
import { datasOf, leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/broadcast', () => {
  const sample = useSample('broadcast');

  it('sends each message to everyone, and to who was away', async () => {
    const clients = [sample.curl(0), sample.curl(0)];
    // Each has its position: from here on it is subscribed.
    for (const client of clients) await client.until(({ stdout }) => stdout.includes('id: '));
    const { id } = JSON.parse(await sample.ask(1)) as { id: string };
    const [first, second] = await Promise.all(clients.map((client) => leaveAfter(client, 'hello')));
    expect(first).toContain(`event: message\nid: ${id}\ndata: {"text":"hello"}\n\n`);
    expect(second).toBe(first);
    await sample.ask(1, ['hello', 'two']);
    await sample.ask(1, ['hello', 'three']);
    const missed = await leaveAfter(sample.curl(2, ['<id>', id]), 'three');
    expect(datasOf(missed)).toEqual(['{"text":"two"}', '{"text":"three"}']);
  });
});
