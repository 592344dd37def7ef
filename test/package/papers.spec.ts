import {
  blocksOf,
  complaintOf,
  isShipped,
  linksOf,
  manuals,
  namesOfCode,
  paper,
  papers,
  targetOf,
} from '../support/papers.js';

describe('the papers', () => {
  it('have links that lead to a file and to a heading of it', () => {
    const links = papers.flatMap((from) => linksOf(from).map((link) => ({ from, link })));
    expect(links.map(({ from, link }) => complaintOf(from, link)).filter(Boolean)).toEqual([]);
    // A pattern that finds no links finds nothing wrong with them.
    expect(links.length).toBeGreaterThan(20);
  });

  it('that npm ships lead to what it ships', () => {
    const astray = papers
      .filter(({ name }) => isShipped(name))
      .flatMap((from) => linksOf(from).map((link) => `${from.name}: ${targetOf(from, link)}`))
      .filter((line) => !isShipped(line.slice(line.indexOf(' ') + 1)));
    expect(astray).toEqual([]);
  });

  it('that explain the code name files and classes that exist', () => {
    const explaining = ['ARCHITECTURE.md', 'CONTRIBUTING.md'].map(paper);
    expect(explaining.flatMap(namesOfCode).filter(({ exists }) => !exists)).toEqual([]);
    expect(explaining.flatMap(namesOfCode).length).toBeGreaterThan(50);
  });

  it('in docs/ are all in the table of contents of the README', () => {
    const readme = paper('README.md');
    const listed = new Set(linksOf(readme).map((link) => targetOf(readme, link)));
    expect(manuals.filter(({ name }) => name.startsWith('docs/') && !listed.has(name))).toEqual([]);
  });
});

describe('the code in README.md and docs/', () => {
  const blocks = manuals.flatMap(blocksOf);

  it('names its language', () => {
    const languages = ['ts', 'js', 'sh', 'nginx', 'html', 'diff', 'text'];
    expect(blocks.filter(({ language }) => !languages.includes(language))).toEqual([]);
    for (const { name, text } of manuals) {
      expect([name, text.match(/^```/gm)?.length ?? 0]).toEqual([name, 2 * blocksOf({ name, text }).length]);
    }
  });
});
