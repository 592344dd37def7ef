import { aims } from './aims.js';
import { QUIET } from './other-work.js';
import { scenarios } from './scenarios.js';
import { median, spread } from './statistics.js';

/** The results for people. `results` is what run.js writes as JSON. */
export function markdownOf({ machine, versions, options, startedAt, minutes, figures }) {
  return [
    '# Benchmarks',
    '',
    `${startedAt}, ${minutes} min, seed ${options.seed}${options.quick ? ', **quick: for orientation only**' : ''}  `,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.os}, load before: ${machine.loadBefore}  `,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    '',
    'Medians; ± is half of the range of all repetitions; × is the ratio to the first subject. Smaller is better.',
    ...(isDisturbed(figures) ? ['~: something else was at work on the machine. Not to be trusted.'] : []),
    ...scenarios.flatMap((scenario) => (figures[scenario.name] ? sectionOf(scenario, figures[scenario.name]) : [])),
    ...aimsOf(figures),
    '',
  ].join('\n');
}

function isDisturbed(figures) {
  return Object.values(figures).some((scenario) => Object.values(scenario).some(({ others = 0 }) => others >= QUIET));
}

function sectionOf({ name, title, metrics }, figures) {
  const keys = Object.keys(metrics);
  const [first] = Object.values(figures);
  const rows = Object.values(figures).map(({ title, samples, failure, others = 0 }) => {
    if (failure) return [title, `failed: ${failure.split('\n')[0]}`];
    const cells = keys.flatMap((key) => {
      if (!samples[key]?.length) return ['–', ''];
      const value = median(samples[key]);
      const base = first.samples?.[key]?.length ? median(first.samples[key]) : undefined;
      const ratio = base === undefined ? '' : (value / base).toFixed(2);
      const mark = others < QUIET ? '' : ' ~';
      return [`${digits(value)} ± ${Math.round(spread(samples[key]) * 100)} %${mark}`, ratio];
    });
    return [title, ...cells];
  });
  const header = ['', ...keys.flatMap((key) => [metrics[key], '×'])];
  return [
    '',
    `## ${title} (\`${name}\`)`,
    '',
    row(header),
    row(header.map((_, column) => (column === 0 ? '---' : '---:'))),
    ...rows.map(row),
  ];
}

function aimsOf(figures) {
  const valueOf = ([scenario, subject, metric]) => {
    const samples = figures[scenario]?.[subject]?.samples?.[metric];
    return samples?.length ? median(samples) : undefined;
  };
  const rows = aims.flatMap(({ figure, of, limit }) => {
    const [scenario, subject] = figure;
    if (!figures[scenario]?.[subject] || !figures[of[0]]?.[of[1]]) return [];
    const ratio = valueOf(figure) / valueOf(of);
    const other = of[0] === scenario ? of[1] : `\`${of[0]}\``;
    const verdict = Number.isNaN(ratio) ? 'not measured' : ratio <= limit ? 'met' : '**not met**';
    return [row([`\`${scenario}\`, ${subject}`, other, ratio.toFixed(2), limit.toFixed(2), verdict])];
  });
  return rows.length === 0
    ? []
    : ['', '## Aims', '', row(['', 'beside', '×', 'at most', '']), row(['---', '---', '---:', '---:', '---']), ...rows];
}

export function row(cells) {
  return `| ${cells.join(' | ')} |`;
}

export function digits(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
