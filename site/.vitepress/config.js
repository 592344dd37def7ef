import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitepress';

const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');

/** The table of the README: the pages in the order in which people ask. */
const pages = Array.from(readme.matchAll(/\[([^\]]+)\]\((docs\/[A-Z-]+)\.md\)/g), ([, text, path]) => ({
  text: text.replaceAll('`', ''),
  link: `/${path}`,
}));

export default defineConfig({
  title: 'nestjs-event-stream',
  description: 'Server-Sent Events for NestJS, made for production',
  // The papers as they are: on GitHub, in the package and here they are the same files, with the same links.
  srcDir: '..',
  srcExclude: ['CONTRIBUTING.md', 'test/**', 'lib/**'],
  rewrites: {
    'site/index.md': 'index.md',
    'sample/README.md': 'sample/index.md',
    'sample/:name/README.md': 'sample/:name/index.md',
  },
  cleanUrls: true,
  ignoreDeadLinks: 'localhostLinks',
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Getting started', link: '/docs/GETTING-STARTED' },
      { text: 'Samples', link: '/sample/' },
      { text: 'Changelog', link: '/CHANGELOG' },
    ],
    sidebar: [
      { text: 'Pages', items: pages },
      {
        text: 'More',
        items: [
          { text: 'Samples', link: '/sample/' },
          { text: 'Architecture', link: '/ARCHITECTURE' },
          { text: 'Changelog', link: '/CHANGELOG' },
        ],
      },
    ],
  },
});
