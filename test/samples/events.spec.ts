import { describeWith } from '../support/external.js';
import { useSample } from './sample.js';

describeWith('curl', 'sample/events', () => {
  const sample = useSample('events');

  it('sends each event as it is written', async () => {
    expect(await sample.ask(0)).toBe(
      [
        ': people see this in curl, listeners do not\n\n',
        'data: text is sent as it is\n\n',
        'data: {"total":19.9}\n\n',
        'data: roses are red\ndata: violets are blue\n\n',
        'event: created\ndata: {"total":20}\n\n',
        'event: bell\ndata: \n\n',
        'event: created\nid: order-7\ndata: {"total":21}\n\n',
        'retry: 5000\n\n',
      ].join(''),
    );
    expect(await sample.ask(1)).toBe(
      'data: zero\n\nretry: 5000\n\nevent: welcome\nid: 1\ndata: {"name":"Ada"}\n\ndata: two\ndata: lines\n\n',
    );
  });
});
