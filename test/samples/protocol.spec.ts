import { describeWith } from '../support/external.js';
import { datasOf, leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/protocol', () => {
  const sample = useSample('protocol');

  it('answers each request by its id, on one stream', async () => {
    const session = sample.curl(0);
    await session.until(({ stdout }) => stdout.includes('id: '));
    await sample.ask(1);
    await sample.ask(2);
    const text = await leaveAfter(session, 'event: result');
    expect(datasOf(text).map((data) => JSON.parse(data) as object)).toEqual(
      expect.arrayContaining([
        { id: 'a', percent: 0 },
        { id: 'b', message: 'no method divide' },
        { id: 'a', percent: 33 },
        { id: 'a', percent: 67 },
        { id: 'a', result: 6 },
      ]),
    );
    expect(text).toMatch(/event: error\nid: .+\ndata: {"id":"b"/);
  });
});
