import { describeWith } from '../support/external.js';
import { until } from '../support/until.js';
import { datasOf, useSample } from './sample.js';

describeWith('redis-server', 'sample/redis-cluster', () =>
  describeWith('nginx', 'with nginx', () => {
    const sample = useSample('redis-cluster');

    it('says on one node what was said on the other, once, also through nginx', async () => {
      let answer = '';
      // The nodes start after nginx.
      while (!answer.includes('"id"')) answer = await sample.ask(1);
      const through = sample.curl(0, ['localhost:3001', 'localhost:3000']);
      const direct = sample.curl(0);
      for (const client of [through, direct]) await client.until(({ stdout }) => stdout.includes('hello'));
      await sample.ask(1, ['hello', 'marker']);
      for (const client of [through, direct]) {
        await until(() => client.stdout.includes('marker'));
        expect(datasOf(client.stdout).map((data) => (JSON.parse(data) as { text: string }).text)).toEqual([
          'hello',
          'marker',
        ]);
        await client.stop();
      }
      expect(await (await fetch(sample.url)).text()).toContain('One chat, two nodes');
    });
  }),
);
