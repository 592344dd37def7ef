import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { digits, row } from './report.js';

/**
 * What follows from a run's figures for docs/CAPACITY.md: `node test/bench/capacity.js [results.json] [--write]`. Without
 * a file, the last one in results/ by name that leaves nothing out. Each figure says which row it comes from.
 */

const PAPER = new URL('../../docs/CAPACITY.md', import.meta.url);
const RESULTS = new URL('./results/', import.meta.url);

/** What a node may use: half a core is kept free for what comes at once, a restart of its neighbour say. */
const CPU_PER_NODE = 0.5;
const GB_PER_NODE = 8;

const {
  values: { write },
  positionals: [file = lastRun()],
} = parseArgs({ options: { write: { type: 'boolean', default: false } }, allowPositionals: true });
const { medians, startedAt, machine, versions, options } = JSON.parse(readFileSync(file, 'utf8'));

const delivery = figure('fanout-10000', 'ours-fastify', 'cpu');
const batched = figure('ten', 'ours-fastify', 'cpu');
const accept = figure('accept', 'ours-fastify', 'cpu');
const memory = [figure('idle', 'ours-fastify', 'rss'), figure('idle', 'ours-express', 'rss')];
const publish = (topics, nodes, metric) => figure(`redis-publish-${topics}`, `redis-${nodes}`, metric);
const bytesPerNode = derived(publish(1, 3, 'bytesOut'), publish(1, 1, 'bytesOut'), (three, one) => (three - one) / 2);
const way = (nodes, metric) => figure('redis-latency', nodes === 0 ? 'memory' : `redis-${nodes}`, metric);
/** The scenario has 30 connections: an event's own cost is what is not shared by more of them. */
const eventPerNode = derived(way(3, 'cpu'), way(1, 'cpu'), (three, one) => ((three - one) * 30) / 2);

const blocks = {
  source: [
    `Figures of ${startedAt.slice(0, 10)}${options.quick ? ', **quick: for orientation only**' : ''}: ${machine.cpu}, ${machine.cores} cores, ` +
      `Node ${versions.node}, Redis ${versions['redis-server']}.`,
  ],
  costs: [
    row(['one …', 'costs', 'row of the results']),
    row(['---', '---:', '---']),
    cost('delivered event, one a turn', delivery, 'µs of a node’s CPU'),
    cost('delivered event, ten a turn', batched, 'µs of a node’s CPU'),
    cost('accepted connection', accept, 'µs of a node’s CPU'),
    cost('idle connection, Fastify', memory[0], 'KB of a node’s memory'),
    cost('idle connection, Express', memory[1], 'KB of a node’s memory'),
    cost('event, on each further node, at 100 a second', eventPerNode, 'µs of that node’s CPU'),
    cost('way from publish to receive, in memory', way(0, 'p50'), 'ms (median)'),
    cost('way through Redis, 1 node', way(1, 'p50'), 'ms (median)'),
    cost('way through Redis, 3 nodes', way(3, 'p50'), 'ms (median)'),
  ],
  redis: [
    row(['one publish costs Redis', '1 channel', '1,000 channels', 'rows of `redis-publish-1` and `-1000`']),
    row(['---', '---:', '---:', '---']),
    ...[
      ['commands that nodes send', 1, 'sent'],
      ['commands, those inside the script too', 1, 'commands'],
      ['bytes in', 1, 'bytesIn'],
      ['bytes out, 1 node listens', 1, 'bytesOut'],
      ['bytes out, 3 nodes listen', 3, 'bytesOut'],
      ['µs of CPU, 1 node listens', 1, 'redisCpu'],
      ['µs of CPU, 3 nodes listen', 3, 'redisCpu'],
    ].map(([title, nodes, metric]) => {
      const [one, many] = [1, 1_000].map((topics) => textOf(publish(topics, nodes, metric).value));
      return row([title, one, many, `redis-${nodes}, ${metric}`]);
    }),
    '',
    `A further node that listens costs ${textOf(bytesPerNode.value)} bytes out and no further command.`,
  ],
  clients: [
    row([
      'clients',
      'nodes by CPU',
      'nodes by memory',
      'bytes out of Redis per event',
      'all come back: CPU of each node',
    ]),
    row(['---', '---:', '---:', '---:', '---:']),
    ...[10_000, 1_000_000, 10_000_000].map(need),
  ],
};

const paper = readFileSync(PAPER, 'utf8');
let filled = paper;
for (const [name, lines] of Object.entries(blocks)) {
  const [start, end] = [`<!-- ${name}: test/bench/capacity.js -->\n`, `\n<!-- /${name} -->`];
  const [from, to] = [filled.indexOf(start), filled.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`docs/CAPACITY.md has no place for ${name}`);
  const text = lines.join('\n');
  filled = filled.slice(0, from + start.length) + text + filled.slice(to);
  process.stdout.write(`${text}\n\n`);
}
if (write) writeFileSync(PAPER, filled);

/** What so many clients need, of whom each gets one event a second. */
function need(clients) {
  const byCpu = Math.ceil((clients * delivery.value) / (CPU_PER_NODE * 1e6));
  const byMemory = Math.ceil((clients * memory[0].value * 1024) / (GB_PER_NODE * 2 ** 30));
  const nodes = Math.max(byCpu, byMemory);
  const bytes = publish(1, 1, 'bytesOut').value + (nodes - 1) * bytesPerNode.value;
  const seconds = ((clients / nodes) * accept.value) / 1e6;
  return row([clients.toLocaleString('en'), textOf(byCpu), textOf(byMemory), textOf(bytes), `${textOf(seconds)} s`]);
}

function figure(scenario, subject, metric) {
  return { value: medians[scenario]?.[subject]?.[metric] ?? NaN, rows: `\`${scenario}\`, ${subject}, ${metric}` };
}

function derived(first, second, combine) {
  return { value: combine(first.value, second.value), rows: `${first.rows} and ${second.rows}` };
}

function cost(title, { value, rows }, unit) {
  return row([title, `${textOf(value)} ${unit}`, rows]);
}

function textOf(value) {
  if (Number.isNaN(value)) return 'not measured';
  return Number.isInteger(value)
    ? value.toLocaleString('en')
    : value >= 1_000
      ? textOf(Math.round(value))
      : digits(value);
}

function lastRun() {
  const names = readdirSync(RESULTS).filter((name) => /^\d{4}-\d\d-\d\d-node-[\d.]+\.json$/.test(name));
  if (names.length === 0) throw new Error('there is no whole run in test/bench/results/');
  return new URL(names.sort().at(-1), RESULTS);
}
