import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that some specs need and npm cannot install. */
export type External = 'redis-server' | 'chromium' | 'nginx' | 'curl' | 'ip';

/** Debian keeps nginx and ip here, which is not on every user's PATH. */
const systemFolders = ['/usr/sbin', '/sbin', '/usr/local/sbin'];

/** The absolute path of a program, or undefined when this machine does not have it. */
export function findExternal(name: External): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...systemFolders].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * A `describe` whose specs need an external program, and get its path.
 *
 * Where the program is missing the specs are skipped and one line says so. With `CI=true` a missing program is a
 * failure instead: there, nobody reads that line, and a proof that did not run would pass for one that did.
 */
export function describeWith(name: External, subject: string, specs: (path: string) => void): void {
  const path = findExternal(name);
  if (path !== undefined) {
    describe(subject, () => specs(path));
  } else if (process.env.CI === 'true') {
    describe(subject, () => {
      it(`needs ${name}`, () => {
        throw new Error(`${name} is neither on PATH nor in ${systemFolders.join(', ')}: install it, CI skips nothing.`);
      });
    });
  } else {
    // Not console.log: jest prints that as a box of five lines.
    process.stderr.write(`skipped: "${subject}" needs ${name}, which this machine does not have\n`);
    // Never entered by a path that is not there: the specs are only counted.
    describe.skip(subject, () => specs(name));
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
