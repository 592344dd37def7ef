import { readdirSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

const samples = readdirSync('sample', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const table = Array.from(
  readFileSync('sample/README.md', 'utf8').matchAll(/^\| \[(.+?)\]\((.+?)\) \|/gm),
  ([, name, path]) => [name, path],
);

describe('the samples', () => {
  it('are all in the table of sample/README.md', () => {
    expect(table).toEqual(samples.map((name) => [name, `${name}/`]));
  });

  it('are listed by `npm run sample`', () => {
    const { stdout } = spawnSync(process.execPath, ['sample/run.js'], { encoding: 'utf8' });
    for (const name of samples) expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, 'm'));
  });

  it.each(samples)('%s: at most three source files, and a README of ten lines with a line for curl', (name) => {
    const files = readdirSync(`sample/${name}`, { recursive: true, encoding: 'utf8' });
    const sources = files.filter((file) => /\.(ts|tsx|js|html|conf)$/.test(file));
    // The demo shows everything on one page; all others show one idea.
    expect(sources.length).toBeLessThanOrEqual(name === 'demo' ? 4 : 3);
    const lines = readFileSync(`sample/${name}/README.md`, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    expect(lines[0]).toMatch(new RegExp(`^# ${name}: `));
    expect(lines.length).toBeLessThanOrEqual(10);
    expect(lines).toContain(`    npm run sample ${name}`);
    expect(lines.some((line) => /^ {4}curl .*-\w*N/.test(line))).toBe(true);
  });
});
