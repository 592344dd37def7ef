import { EventSource } from 'eventsource';
import { describeWith } from '../support/external.js';
import { until } from '../support/until.js';
import { useSample } from './sample.js';

describeWith('nginx', 'sample/nginx-cache', () => {
  const sample = useSample('nginx-cache');
  const requests = () => sample.output.match(/asked for what came after/g)?.length ?? 0;

  it('answers clients that ask at the same time once, and gives each of them every event', async () => {
    const clients = Array.from({ length: 10 }, () => {
      const source = new EventSource(`${sample.url}/ticks`);
      const numbers: number[] = [];
      let returns = 0;
      source.addEventListener('open', () => returns++);
      source.addEventListener('tick', ({ data }) => numbers.push((JSON.parse(data as string) as { n: number }).n));
      return { source, numbers, returns: () => returns };
    });
    for (const { numbers } of clients) await until(() => numbers.length >= 8);
    const answered = clients.reduce((sum, { returns }) => sum + returns(), 0);
    const reached = requests();
    for (const { source, numbers } of clients) {
      source.close();
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    }
    // All began at the same place, and were in step from then on.
    expect(reached).toBeLessThan(answered / 2);
  });
});
