import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith } from '../support/external.js';
import { leaveAfter, useSample, type Change } from './sample.js';

describeWith('curl', 'sample/authentication', () => {
  const sample = useSample('authentication');
  const folder = mkdtempSync(join(tmpdir(), 'cookies-'));
  const cookies: Change = ['/tmp/cookies', join(folder, 'cookies')];
  afterAll(() => rmSync(folder, { recursive: true }));
  const refused = /^HTTP\/1.1 401 Unauthorized[^]+\r\nContent-Type: application\/json[^]+{"message":"Log in first"/;

  it('refuses strangers before the stream, and knows users by a cookie or a token that is good once', async () => {
    expect(await sample.ask(0)).toMatch(refused);
    expect(await sample.ask(1, cookies)).toBe('{"user":"ann"}');
    expect(await leaveAfter(sample.curl(2, cookies), 'data')).toContain('data: 0 for ann\n\n');
    const { token } = JSON.parse(await sample.ask(3, cookies)) as { token: string };
    const byToken: Change = ['<token>', token];
    expect(await leaveAfter(sample.curl(4, byToken), 'data')).toContain('data: 0 for ann\n\n');
    expect(await sample.ask(4, byToken, ['curl -N', 'curl -iN'])).toMatch(refused);
  });
});
