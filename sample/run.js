// `npm run sample` lists the samples, `npm run sample NAME` starts one. It runs the source: there is nothing to build.
import { existsSync, readFileSync } from 'node:fs';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const [name = ''] = process.argv.slice(2);

if (name !== '' && existsSync(new URL(`${name}/main.ts`, import.meta.url))) {
  const { PORT = '3000' } = process.env;
  console.log(read(`${name}/README.md`).replaceAll('localhost:3000', `localhost:${PORT}`));
  await import(`./${name}/main.ts`);
} else {
  if (name !== '') console.log(`There is no sample "${name}".`);
  for (const [, sample, shows] of read('README.md').matchAll(/^\| \[(.+?)\]\(.+?\) \| (.+?) \|/gm)) {
    console.log(`  ${sample.padEnd(18)} ${shows}`);
  }
  console.log('\nStart one of them: npm run sample NAME');
  process.exitCode = name === '' ? 0 : 1;
}
