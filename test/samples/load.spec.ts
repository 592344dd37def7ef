import { describeWith } from '../support/external.js';
import { Sample } from './sample.js';

describeWith('curl', 'sample/load', () => {
  it('delivers each event to each client', async () => {
    const sample = new Sample('load', () => ({ CLIENTS: '50', EVENTS: '20' }));
    await sample.start();
    await sample.says(/█{40} 1000 delivered, \d+ a second, 0 wrong\n/);
    expect(await sample.exited).toBe(0);
  });
});
