import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isAimed } from './aims.js';
import { readCommandLine } from './command-line.js';
import { describeMachine, describeVersions } from './machine.js';
import { LOOK_MS, QUIET, waitForQuiet } from './other-work.js';
import { redisVersion } from './redis-server.js';
import { markdownOf } from './report.js';
import { median, seeded, shuffled } from './statistics.js';
import { subjects } from './subjects.js';
import { CLIENT, toolsFor } from './tools.js';

/** `npm run bench`: see README.md. */

/** Samples that are taken again because something else was at work. */
const ATTEMPTS = 3;

/**
 * For waiting until nothing else is at work, and for samples that are taken again, all together; then samples are taken as
 * they come. On a busy machine, a run would otherwise not end.
 */
const PATIENCE_MS = 150_000;

/** Of each subject that an aim speaks of, and of all others. */
const REPETITIONS = { aimed: 5, others: 3 };

const options = readCommandLine(process.argv.slice(2));
const random = seeded(options.seed);
const startedAt = new Date();
const machine = describeMachine();
const redis = redisVersion();
const versions = { ...describeVersions(), 'redis-server': redis ?? 'none' };
const figures = {};
let patienceMs = options.hurry ? 0 : PATIENCE_MS;

// What is to be done at the end is done also when somebody else ends it.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const needsRedis = (scenario) => scenario.subjects.some((name) => subjects[name].usesRedis);
const present = options.scenarios.filter((scenario) => redis !== undefined || !needsRedis(scenario));
if (present.length < options.scenarios.length) {
  const skipped = options.scenarios.filter((scenario) => !present.includes(scenario));
  process.stderr.write(`Skipped, there is no redis-server: ${skipped.map(({ name }) => name).join(', ')}\n`);
}

for (const scenario of present) {
  const contenders = contendersOf(scenario);
  if (contenders.length === 0) continue;
  process.stderr.write(`\n${scenario.title}\n`);
  figures[scenario.name] = Object.fromEntries(contenders.map(({ name, title }) => [name, { title, samples: {} }]));
  const wanted = contenders.map((contender) => repetitionsOf(scenario, contender));
  for (let repetition = 0; repetition < Math.max(...wanted); repetition++) {
    // In turn, and each time in another order: what disturbs the machine for a minute meets all of them.
    const turns = contenders.filter((_, index) => repetition < wanted[index]);
    for (const contender of shuffled(turns, random)) {
      await sample(scenario, contender, figures[scenario.name][contender.name]);
    }
  }
  // After each scenario: what is done is not lost when something breaks.
  writeResults();
}

const failed = Object.values(figures).some((scenario) => Object.values(scenario).some(({ failure }) => failure));
process.stdout.write(`\n${writeResults()}`);
process.exitCode = failed ? 1 : 0;

function contendersOf(scenario) {
  const names = scenario.subjects.filter(options.isChosen);
  return names.flatMap((name) => {
    const subject = { name, ...subjects[name], library: libraryOf(options.library) };
    if (!options.baseline || !isOurs(name)) return [subject];
    const before = {
      ...subject,
      name: `${name}-before`,
      title: `${subject.title}, before`,
      library: libraryOf(options.baseline),
    };
    return [subject, before];
  });
}

/** Whether a subject is this library, of which there may be two builds. */
function isOurs(name) {
  return name === 'ours' || subjects[name].module === './subjects/library.js';
}

function repetitionsOf(scenario, { name }) {
  if (options.repetitions) return options.repetitions;
  if (options.quick) return 1;
  const isCompared = options.baseline !== undefined && isOurs(name.replace('-before', ''));
  return scenario.repetitions ?? (isCompared || isAimed(scenario.name, name) ? REPETITIONS.aimed : REPETITIONS.others);
}

function libraryOf(file) {
  return file === undefined ? 'nestjs-event-stream' : pathToFileURL(resolve(file)).href;
}

/** Takes a sample, again if others have worked meanwhile; of several such samples the least disturbed one counts. */
async function sample(scenario, contender, figure) {
  let best;
  for (let attempt = 0; attempt < ATTEMPTS && !(best?.others < QUIET); attempt++) {
    if (attempt > 0 && patienceMs <= 0) break;
    const attemptedAt = performance.now();
    if (patienceMs > 0) await waitForQuiet(Math.min(patienceMs, PATIENCE_MS / 4));
    // The first attempt itself has to be, so only the wait for it counts.
    if (attempt === 0) patienceMs -= Math.max(0, performance.now() - attemptedAt - LOOK_MS);
    const context = { others: 0 };
    const children = [];
    try {
      const values = await scenario.measure(toolsFor({ scenario, contender, children, context, options }));
      say(scenario, contender.name, values, context.others);
      if (!best || context.others < best.others) best = { values, others: context.others };
    } catch (error) {
      figure.failure ??= error.message;
      process.stderr.write(`  ${contender.name.padEnd(22)} failed: ${error.message}\n`);
      return;
    } finally {
      // Clients leave by RST first: ports that are closed in turn would wait a minute, and the next subject needs them.
      const clients = children.filter(({ file }) => file === CLIENT);
      await Promise.all(clients.map((child) => child.call('leave').catch(() => undefined)));
      for (const child of children) child.kill();
      if (attempt > 0) patienceMs -= performance.now() - attemptedAt;
    }
  }
  for (const [metric, value] of Object.entries(best.values)) (figure.samples[metric] ??= []).push(value);
  figure.others = Math.max(figure.others ?? 0, best.others);
}

function say({ metrics }, name, values, others) {
  const shown = Object.entries(values).filter(([metric]) => metrics[metric]);
  const text = shown.map(([metric, value]) => `${metric} ${value.toFixed(2)}`);
  const note = others < QUIET ? '' : ` (others used ${others.toFixed(2)} cores)`;
  process.stderr.write(`  ${name.padEnd(22)} ${text.join(', ')}${note}\n`);
}

function writeResults() {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const { seed, quick } = options;
  const results = {
    startedAt: startedAt.toISOString().replace(/\..*/, 'Z'),
    minutes: Math.round((Date.now() - startedAt) / 60_000),
    machine,
    versions,
    options: { seed, quick },
    figures,
    medians: mediansOf(figures),
  };
  const markdown = markdownOf(results);
  writeFileSync(join(folder, `${options.name}.json`), `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(join(folder, `${options.name}.md`), markdown);
  return markdown;
}

function mediansOf(all) {
  const map = (object, change) =>
    Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
  return map(all, (scenario) => map(scenario, ({ samples }) => map(samples, median)));
}
