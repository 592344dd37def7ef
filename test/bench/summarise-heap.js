import { readFileSync } from 'node:fs';

/**
 * What each connection keeps, out of a heap snapshot: `node test/bench/summarise-heap.js <file.heapsnapshot>
 * <connections> [other.heapsnapshot]`. Objects by their kind, with one way by which such an object is reached; with
 * another snapshot of as many connections, the difference to that.
 */

const [file, connectionsText, otherFile] = process.argv.slice(2);
const connections = Number(connectionsText);

const kinds = read(file, true);
const others = otherFile === undefined ? new Map() : read(otherFile, false);
const rows = [...new Set([...kinds.keys(), ...others.keys()])]
  .map((name) => {
    const { count = 0, bytes = 0, path = '' } = kinds.get(name) ?? {};
    const other = others.get(name) ?? { count: 0, bytes: 0 };
    return { name, path, count: count - other.count, bytes: bytes - other.bytes };
  })
  .filter(({ bytes }) => Math.abs(bytes) / connections >= 8)
  .sort((a, b) => b.bytes - a.bytes);

console.log('bytes and objects per connection');
for (const { name, path, count, bytes } of rows) {
  const numbers = `${(bytes / connections).toFixed(0).padStart(6)} ${(count / connections).toFixed(2).padStart(7)}`;
  console.log(`${numbers}  ${name}${path && `   ← ${path}`}`);
}
console.log(`${(rows.reduce((sum, { bytes }) => sum + bytes, 0) / connections).toFixed(0).padStart(6)}  together`);

function read(path, withPaths) {
  const { snapshot, nodes, edges, strings } = JSON.parse(readFileSync(path, 'utf8'));
  const { node_fields: fields, node_types: types, edge_fields: edgeFields, edge_types: edgeTypes } = snapshot.meta;
  const [TYPE, NAME, SIZE, EDGES] = ['type', 'name', 'self_size', 'edge_count'].map((name) => fields.indexOf(name));
  const [EDGE_TYPE, EDGE_NAME, TO] = ['type', 'name_or_index', 'to_node'].map((name) => edgeFields.indexOf(name));
  const count = nodes.length / fields.length;
  const field = (node, which) => nodes[node * fields.length + which];
  const typeOf = (node) => types[0][field(node, TYPE)];

  // Breadth first from the root: the parent that finds an object first is on a shortest way to it.
  const firstEdge = new Uint32Array(count + 1);
  for (let node = 0; node < count; node++) firstEdge[node + 1] = firstEdge[node] + field(node, EDGES);
  const parent = new Int32Array(count).fill(-1);
  const via = new Array(count);
  const queue = [0];
  for (let head = 0; head < queue.length; head++) {
    const node = queue[head];
    for (let edge = firstEdge[node]; edge < firstEdge[node + 1]; edge++) {
      const at = edge * edgeFields.length;
      const kind = edgeTypes[0][edges[at + EDGE_TYPE]];
      const to = edges[at + TO] / fields.length;
      if (kind === 'weak' || to === 0 || parent[to] !== -1) continue;
      parent[to] = node;
      const label = edges[at + EDGE_NAME];
      via[to] = kind === 'element' || kind === 'hidden' ? `[${label}]` : strings[label];
      queue.push(to);
    }
  }

  const kinds = new Map();
  for (let node = 0; node < count; node++) {
    const own = label(node);
    // Strings and V8's own arrays say little by themselves: they count for the object that has them.
    const isPart = /^(array|string|concatenated string|sliced string|object shape|code|hidden|number|symbol)$/.test(
      typeOf(node),
    );
    const name = isPart && parent[node] !== -1 ? `${label(parent[node])}.${plain(via[node])} (${typeOf(node)})` : own;
    const kind = kinds.get(name) ?? { count: 0, bytes: 0, sample: node };
    kind.count++;
    kind.bytes += field(node, SIZE);
    // Not the first one: that may belong to something else than a connection.
    if (kind.count === Math.floor(connections / 2)) kind.sample = node;
    kinds.set(name, kind);
  }
  if (withPaths) {
    for (const kind of kinds.values()) {
      const steps = [];
      for (let node = kind.sample; parent[node] > 0 && steps.length < 5; node = parent[node]) {
        steps.push(`${label(parent[node])}.${plain(via[node])}`);
      }
      kind.path = steps.join(' ← ');
    }
  }
  return kinds;

  function label(node) {
    const name = strings[field(node, NAME)];
    return (
      `${name.length > 60 ? `${name.slice(0, 60)}…` : name}${typeOf(node) === 'closure' ? '()' : ''}` ||
      `(${typeOf(node)})`
    );
  }

  function plain(edge) {
    return /^\[\d+\]$/.test(edge) ? '[]' : edge;
  }
}
