import { parseArgs } from 'node:util';
import { scenarios } from './scenarios.js';
import { subjects } from './subjects.js';

const USAGE = `npm run bench -- [options]

  --only fanout,idle        these scenarios only; \`fanout\` means all that start with \`fanout-\`
                            ${scenarios.map(({ name }) => name).join(', ')}
  --subjects node,socket    these subjects only
                            ${Object.keys(subjects).join(', ')}
  --quick                   less of everything: for orientation
  --hurry                   takes samples as they come, also while something else is at work
  --repetitions 5           of each subject in each scenario; default: 5 where there is an aim, 3 elsewhere
  --seed 1                  of the order in which subjects take their turns
  --library <file>          the build to measure, an index.js; default: dist/esm
  --baseline <file>         another build, measured beside the first as \`…-before\`
  --profile <folder>        writes a CPU profile of each subject, taken while it is measured, and for \`idle\` a heap snapshot
  --name after              of the files in test/bench/results/; default: the date and the version of Node, and
                            \`-partial\` behind it when options leave something out
`;

export function readCommandLine(args) {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      subjects: { type: 'string' },
      quick: { type: 'boolean', default: false },
      hurry: { type: 'boolean', default: false },
      repetitions: { type: 'string' },
      seed: { type: 'string', default: '1' },
      library: { type: 'string' },
      baseline: { type: 'string' },
      profile: { type: 'string' },
      name: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit();
  }
  const only = list(values.only);
  const chosen = scenarios.filter(
    ({ name }) => !only || only.some((word) => name === word || name.startsWith(`${word}-`)),
  );
  const named = list(values.subjects);
  const unknown = named?.find((name) => !subjects[name]);
  if (chosen.length === 0 || unknown) {
    process.stderr.write(
      `${unknown ? `There is no subject ${unknown}` : `There is no scenario ${values.only}`}.\n\n${USAGE}`,
    );
    process.exit(2);
  }
  const isPartial = Boolean(only ?? named ?? values.baseline ?? values.library ?? values.profile) || values.quick;
  return {
    scenarios: chosen,
    isChosen: (name) => !named || named.includes(name),
    quick: values.quick,
    hurry: values.hurry || values.quick,
    repetitions: values.repetitions && Number(values.repetitions),
    seed: Number(values.seed),
    library: values.library,
    baseline: values.baseline,
    profile: values.profile,
    name: values.name ?? `${defaultName()}${isPartial ? '-partial' : ''}`,
  };
}

function defaultName() {
  return `${new Date().toISOString().slice(0, 10)}-node-${process.versions.node}`;
}

function list(text) {
  return text?.split(',').map((word) => word.trim());
}
