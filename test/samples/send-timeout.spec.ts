import { describeWith } from '../support/external.js';
import { useSample } from './sample.js';

describeWith('curl', 'sample/send-timeout', () => {
  const sample = useSample('send-timeout');

  it('cuts a client off that does not read, and no other', async () => {
    const reading = sample.curl(0, ['| sleep 10', '-o /dev/null --limit-rate 50M']);
    const stalled = sample.curl(0, ['| sleep 10', '| sleep 9']);
    await sample.says(/write_timeout after \d+ bytes/);
    await reading.stop('SIGINT');
    await sample.says('client_left');
    expect(sample.output.match(/write_timeout after/g)).toHaveLength(1);
    await stalled.exited;
  });
});
