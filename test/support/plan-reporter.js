import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const plans = {
  short: 'on Nest 12, and on Nest 11 (CommonJS and ESM) where the two differ; `npm run test:long` runs the rest',
  long: 'what `npm test` leaves out: load, leaks, faults, clusters, the browser, all of e2e on Nest 11',
};

/** Says at the start what a run will do, and what it cannot. */
export default class PlanReporter {
  onRunStart({ numTotalTestSuites }) {
    const plan = plans[process.env.TEST_PART];
    if (plan === undefined) return;
    const missing = ['redis-server', 'chromium', 'nginx', 'curl', 'ip'].filter((name) => !isInstalled(name));
    const skipped = missing.length === 0 ? '' : `; skipped, because they are not installed: ${missing.join(', ')}`;
    process.stderr.write(`${numTotalTestSuites} spec files ${plan}${skipped}\n`);
  }
}

/** The same folders as in external.ts, which says of each spec what it needs. */
function isInstalled(name) {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'].some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
