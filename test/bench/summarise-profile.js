import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Where the time of a CPU profile went: `node test/bench/summarise-profile.js <file.cpuprofile> [rows]`. Self time by
 * package and by function, then time including callees.
 */

const [file, rows = '40'] = process.argv.slice(2);
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
const byId = new Map(nodes.map((node) => [node.id, { ...node, self: 0, parent: undefined }]));
for (const node of byId.values()) for (const child of node.children ?? []) byId.get(child).parent = node;
samples.forEach((id, index) => (byId.get(id).self += timeDeltas[index]));

const packages = new Map();
const self = new Map();
const inclusive = new Map();
let busy = 0;
for (const node of byId.values()) {
  const name = nameOf(node);
  if (name === '(idle)') continue;
  busy += node.self;
  add(packages, packageOf(node), node.self);
  add(self, name, node.self);
  // A recursive function counts once for each sample.
  const seen = new Set();
  for (let at = node; at; at = at.parent) {
    if (!seen.has(nameOf(at))) add(inclusive, nameOf(at), node.self);
    seen.add(nameOf(at));
  }
}

for (const [title, times] of [
  ['by package', packages],
  ['self', self],
  ['inclusive', inclusive],
]) {
  console.log(`\n${title}, of ${(busy / 1e6).toFixed(2)} s`);
  for (const [name, time] of [...times].sort((a, b) => b[1] - a[1]).slice(0, Number(rows))) {
    console.log(`${((time / busy) * 100).toFixed(1).padStart(6)} %  ${name}`);
  }
}

function nameOf({ callFrame: { functionName, url, lineNumber } }) {
  const path = url.startsWith('file:') ? relative(process.cwd(), fileURLToPath(url)) : url;
  return `${functionName || '(anonymous)'}${path ? `  ${path}:${lineNumber + 1}` : ''}`;
}

/** What has no file is V8 itself, and built-in functions: what is called most is a system call. */
function packageOf({ callFrame: { functionName, url } }) {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)';
  if (url.startsWith('node:')) return 'node';
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? 'this repository';
}

function add(map, key, value) {
  map.set(key, (map.get(key) ?? 0) + value);
}
