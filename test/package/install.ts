import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');

export const run = promisify(execFile);

/** Packs the package as npm would publish it. */
export async function pack(folder: string): Promise<{ tarball: string; files: string[] }> {
  // prepack would build once more; `npm run test:package` has just built.
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
  });
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  return { tarball: join(folder, packed.filename), files: packed.files.map((file) => file.path) };
}

/** Makes an application of Nest in an empty folder, with the packed package, and what else it depends on. */
export async function install(application: string, major: number, tarball: string, more: object = {}): Promise<void> {
  mkdirSync(application);
  writeJson(join(application, 'package.json'), {
    private: true,
    dependencies: {
      '@nestjs/common': `^${major}.0.0`,
      '@nestjs/core': `^${major}.0.0`,
      '@nestjs/platform-express': `^${major}.0.0`,
      '@types/node': '^20.19.0',
      'nestjs-event-stream': `file:${tarball}`,
      'reflect-metadata': '^0.2.0',
      rxjs: '^7.8.0',
      ...more,
    },
  });
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];
  await run('npm', ['install', ...flags], { cwd: application });
}

export function writeJson(file: string, value: unknown): void {
  writeFileSync(file, JSON.stringify(value, null, 2));
}
