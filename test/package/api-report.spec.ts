import { readFileSync } from 'node:fs';
// A script without types: `npm run api` runs it as well.
// @ts-expect-error TS7016
import { apiReport, reportFile } from './api-report.js';

const report = (apiReport as () => string)();

describe('what can be imported', () => {
  it('is what api-report.md says; after a change that is meant, run `npm run api` and commit the file', () => {
    expect(report).toBe(readFileSync(reportFile as string, 'utf8'));
  });

  it('has no class that is not for users', () => {
    const [, behind] = report.split('## Named by these, and not exported');
    expect(behind).not.toMatch(/\bclass\b/);
  });
});
