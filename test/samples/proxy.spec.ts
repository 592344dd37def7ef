import { describeWith } from '../support/external.js';
import { useSample } from './sample.js';

describeWith('curl', 'sample/proxy', () => {
  const sample = useSample('proxy');
  const ids = (text: string) =>
    Array.from(text.matchAll(/event: (\w+)\nid: (\d)\ndata: {"n":\d}/g), ([, type, id]) => `${type} ${id}`);

  it('passes on all events but the internal ones, from where the client was', async () => {
    const [upstream, feed, back] = await Promise.all([sample.ask(0), sample.ask(1), sample.ask(2)]);
    expect(ids(upstream)).toEqual(['public 1', 'public 2', 'internal 3', 'public 4', 'public 5', 'internal 6']);
    expect(ids(feed)).toEqual(['public 1', 'public 2', 'public 4', 'public 5']);
    expect(ids(back)).toEqual(['public 4', 'public 5']);
  });
});
