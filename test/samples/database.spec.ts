import { describeWith } from '../support/external.js';
import { datasOf, useSample } from './sample.js';

describeWith('curl', 'sample/database', () => {
  const sample = useSample('database');

  it('sends every row, in order', async () => {
    const datas = datasOf(await sample.ask(0));
    expect(datas.pop()).toBe('[DONE]');
    expect(datas.map((data) => (JSON.parse(data) as { id: number }).id)).toEqual(
      Array.from({ length: 100_000 }, (_, n) => n + 1),
    );
    expect(datas[0]).toBe('{"id":1,"celsius":24.2}');
    await sample.says('read up to row 100000');
  });

  it('reads no more when the client leaves', async () => {
    const slow = sample.curl(1);
    await slow.until(({ stdout }) => stdout.includes('"id":1,'));
    await slow.stop('SIGINT');
    await sample.says(/read up to row \d{1,5}$/m);
  });
});
