import { describeWith } from '../support/external.js';
import { datasOf, leaveAfter, useSample } from './sample.js';

describeWith('curl', 'sample/basic', () => {
  const sample = useSample('basic');

  it('streams without an end, and with one', async () => {
    const clock = await leaveAfter(sample.curl(0), '"n":1');
    expect(clock).toMatch(/^event: tick\ndata: {"n":0,"at":".+Z"}\n\nevent: tick\ndata: {"n":1/);
    expect(datasOf(await sample.ask(1))).toEqual(['5', '4', '3', '2', '1', 'lift-off']);
  });
});
