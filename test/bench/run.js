import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Child } from './child.js';
import { readCommandLine } from './command-line.js';
import { describeMachine, describeVersions } from './machine.js';
import { busyMs, QUIET, waitForQuiet } from './other-work.js';
import { markdownOf } from './report.js';
import { median, seeded, shuffled } from './statistics.js';
import { subjects } from './subjects.js';

/** `npm run bench`: see README.md. */

const CLIENT = 'client-process.js';

/** Samples that are taken again because something else was at work. */
const ATTEMPTS = 4;

const options = readCommandLine(process.argv.slice(2));
const random = seeded(options.seed);
const startedAt = new Date();
const machine = describeMachine();
const versions = describeVersions();
const figures = {};

for (const scenario of options.scenarios) {
  const contenders = contendersOf(scenario);
  if (contenders.length === 0) continue;
  process.stderr.write(`\n${scenario.title}\n`);
  figures[scenario.name] = Object.fromEntries(contenders.map(({ name, title }) => [name, { title, samples: {} }]));
  const repetitions = options.repetitions ?? (options.quick ? 1 : (scenario.repetitions ?? 5));
  for (let repetition = 0; repetition < repetitions; repetition++) {
    // In turn, and each time in another order: what disturbs the machine for a minute meets all of them.
    for (const contender of shuffled(contenders, random)) {
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
    if (!options.baseline || !name.startsWith('ours')) return [subject];
    const before = {
      ...subject,
      name: `${name}-before`,
      title: `${subject.title}, before`,
      library: libraryOf(options.baseline),
    };
    return [subject, before];
  });
}

function libraryOf(file) {
  return file === undefined ? 'nestjs-event-stream' : pathToFileURL(resolve(file)).href;
}

/** Takes a sample, again if others have worked meanwhile; of several such samples the least disturbed one counts. */
async function sample(scenario, contender, figure) {
  let best;
  for (let attempt = 0; attempt < (options.quick ? 1 : ATTEMPTS) && !(best?.others < QUIET); attempt++) {
    if (!options.quick) await waitForQuiet();
    const context = { others: 0 };
    const children = [];
    try {
      const values = await scenario.measure(toolsFor(scenario, contender, children, context));
      say(contender.name, values, context.others);
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
    }
  }
  for (const [metric, value] of Object.entries(best.values)) (figure.samples[metric] ??= []).push(value);
  figure.others = Math.max(figure.others ?? 0, best.others);
}

/** What a scenario measures one subject with. */
function toolsFor(scenario, contender, children, context) {
  const start = (...args) => {
    const child = new Child(...args);
    children.push(child);
    return child;
  };
  const fileFor = (extension) => {
    mkdirSync(options.profile, { recursive: true });
    return resolve(options.profile, `${scenario.name}.${contender.name}.${extension}`);
  };
  const { name, module, platform, library } = contender;
  /** CPU time of this process and its children, in milliseconds. */
  const ownMs = async () => {
    const { user, system } = process.cpuUsage();
    const times = await Promise.all(children.map((child) => child.call('cpu')));
    return times.reduce((sum, time) => sum + time, user + system) / 1_000;
  };
  return {
    quick: options.quick,
    /** The subject, in a process of its own that listens. */
    async startServer({ replayed = 0 } = {}) {
      const server = start('server-process.js', [], ['--expose-gc']);
      return Object.assign(server, await server.call('open', { module, platform, library, replayed }));
    },
    startClients: () => start(CLIENT),
    startProcess(file) {
      const child = start(file);
      const encoder = name.replace('-before', '');
      return { call: (method, args) => child.call(method, { ...args, encoder, library }) };
    },
    /** CPU time of the server, in microseconds, that `work` takes. */
    async measureCpu(server, work) {
      if (options.profile) await server.call('startProfile');
      const startedAt = performance.now();
      const busyBefore = busyMs();
      const ownBefore = await ownMs();
      const before = await server.call('cpu');
      await work();
      const cpu = (await server.call('cpu')) - before;
      if (busyBefore !== undefined) {
        const others = busyMs() - busyBefore - ((await ownMs()) - ownBefore);
        context.others = Math.max(0, others / (performance.now() - startedAt));
      }
      if (options.profile) await server.call('stopProfile', fileFor('cpuprofile'));
      return cpu;
    },
    async snapshot(server) {
      if (options.profile) await server.call('snapshot', fileFor('heapsnapshot'));
    },
    /** Until the last packets and finalizers are through. */
    settle: () => sleep(1_000),
  };
}

function say(name, values, others) {
  const text = Object.entries(values).map(([metric, value]) => `${metric} ${value.toFixed(2)}`);
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
