import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';

const root = new URL('../../', import.meta.url);

/** What a figure depends on, for the header of the results. */
export function describeMachine() {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release()}`,
    // More than the number of cores: others were at work, and the figures are not to be trusted.
    loadBefore: Number(loadavg()[0].toFixed(2)),
  };
}

export function describeVersions() {
  const packages = ['@nestjs/core', 'express', 'fastify', 'rxjs', 'better-sse', '@fastify/sse', 'redis'];
  return {
    node: process.version,
    ...Object.fromEntries(packages.map((name) => [name, manifest(`node_modules/${name}/package.json`).version])),
    'nestjs-event-stream': `${manifest('package.json').version} (${revision()})`,
  };
}

function manifest(path) {
  return JSON.parse(readFileSync(new URL(path, root), 'utf8'));
}

/** The commit, and whether what was measured is more than that. */
function revision() {
  const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'lib') === '' ? '' : ', changed');
  } catch {
    return 'no git';
  }
}
