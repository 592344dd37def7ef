import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';

/** A Markdown file of the repository. */
export interface Paper {
  /** Its path from the root. */
  readonly name: string;
  readonly text: string;
}

/** A fenced block of code. */
export interface Block {
  /** e.g. `docs/CHANNELS.md:17` */
  readonly place: string;
  readonly language: string;
  readonly code: string;
}

interface PackageJson {
  readonly files: readonly string[];
}

const samples = readdirSync('sample').map((name) => `sample/${name}`);

export const papers: readonly Paper[] = ['.', 'docs', 'sample', 'test/bench', ...samples]
  .filter((folder) => statSync(folder).isDirectory())
  .flatMap((folder) => readdirSync(folder).map((file) => normalize(join(folder, file))))
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(name, 'utf8') }));

/** What users read of the code: the others are for those who work on it. */
export const manuals = papers.filter(({ name }) => name === 'README.md' || name.startsWith('docs/'));

export function paper(name: string): Paper {
  const found = papers.find((one) => one.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

export function blocksOf({ name, text }: Paper): Block[] {
  return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(({ 1: language = '', 2: code = '', index }) => ({
    place: `${name}:${text.slice(0, index).split('\n').length}`,
    language,
    code,
  }));
}

/** What stands outside of code, where a link is a link. */
function proseOf({ text }: Paper): string {
  return text.replace(/^```[^]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');
}

/** The links of a paper that lead to another file, or to a heading, as they are written. */
export function linksOf(paper: Paper): string[] {
  return [...proseOf(paper).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** The file that a link leads to, from the root. */
export function targetOf({ name }: Paper, link: string): string {
  const [path = ''] = link.split('#');
  return path === '' ? name : normalize(join(dirname(name), path));
}

/** What is wrong with a link; nothing if it leads somewhere. */
export function complaintOf(from: Paper, link: string): string | undefined {
  const target = targetOf(from, link);
  if (!existsSync(target)) return `${from.name}: ${link} leads to no file`;
  const [, anchor] = link.split('#');
  if (anchor === undefined || anchorsOf(paper(target)).includes(anchor)) return undefined;
  return `${from.name}: ${link} leads to no heading`;
}

/** The names by which GitHub and npm know the headings. */
function anchorsOf({ text }: Paper): string[] {
  return [...text.replace(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

/** Whether npm puts the file into the package. It always takes the README and the licence. */
export function isShipped(name: string): boolean {
  const { files } = JSON.parse(readFileSync(resolve('package.json'), 'utf8')) as PackageJson;
  return ['README.md', 'LICENSE', ...files].some((one) => name === one || name.startsWith(`${one}/`));
}

const files = ['lib', 'test', 'sample']
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
  .filter((file) => !file.includes('node_modules') && !file.includes('dist/'));
const code = files
  .filter((file) => /^lib\/.*\.ts$/.test(file))
  .map((file) => readFileSync(file, 'utf8'))
  .join('');

/** The files and classes that a paper names, and whether there are such. */
export function namesOfCode({ name, text }: Paper): { place: string; exists: boolean }[] {
  const named = [...new Set(text.match(/(?<![\w*.-])[a-z][\w.-]*(?:\/[\w.-]+)*\.(?:ts|js)\b/g))].map((file) => ({
    place: `${name}: ${file}`,
    exists: existsSync(file) || files.some((one) => one.endsWith(`/${file}`)),
  }));
  const classes = [...new Set(text.match(/\b(?:[A-Z][a-z0-9]+){2,}\b/g))].map((one) => ({
    place: `${name}: ${one}`,
    exists: new RegExp(`\\b${one}\\b`).test(code),
  }));
  return [...named, ...classes];
}
