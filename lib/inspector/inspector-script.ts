/**
 * What runs in the page, for today's browsers. It is text, so that it is in both builds and in every bundle. All that comes from
 * the server goes in as text, never as HTML.
 */
export const SCRIPT = String.raw`
const base = new URL('.', import.meta.url);
const $ = (id) => document.getElementById(id);
const seconds = 120;

// --- numbers -----------------------------------------------------------------------------------------------------
const short = (value, unit = '') => {
  const steps = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  for (const [size, letter] of steps) if (value >= size) return (value / size).toFixed(1) + ' ' + letter + unit;
  return (Number.isInteger(value) ? value : value.toFixed(1)) + (unit && ' ' + unit);
};
const time = (ms) => {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return s + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min ' + (s % 60) + ' s';
  return Math.floor(s / 3600) + ' h ' + Math.floor((s % 3600) / 60) + ' min';
};
const element = (name, text = '', className = '') => {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
};

// --- plots -------------------------------------------------------------------------------------------------------
class Plot {
  constructor(title, read, unit) {
    Object.assign(this, { read, unit, values: [] });
    const tile = element('div', '', 'tile');
    tile.append(element('span', title), (this.number = element('b', '–')), (this.canvas = element('canvas')));
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', title + ', the last two minutes');
    $('tiles').append(tile);
  }
  add(now, before) {
    const value = this.read(now, before);
    if (value === undefined) return;
    this.values.push(value);
    if (this.values.length > seconds) this.values.shift();
    this.number.textContent = short(value, this.unit);
    this.draw();
  }
  draw() {
    const { canvas, values } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = devicePixelRatio;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const pen = canvas.getContext('2d');
    pen.scale(scale, scale);
    const most = Math.max(1, ...values);
    const x = (index) => width - (values.length - 1 - index) * (width / (seconds - 1));
    const y = (value) => height - 2 - (value / most) * (height - 4);
    const color = getComputedStyle(document.documentElement).getPropertyValue('--plot');
    pen.strokeStyle = pen.fillStyle = color;
    pen.lineWidth = 1.5;
    pen.beginPath();
    values.forEach((value, index) => pen.lineTo(x(index), y(value)));
    pen.stroke();
    pen.lineTo(width, height);
    pen.lineTo(x(0), height);
    pen.globalAlpha = 0.15;
    pen.fill();
  }
}
const rate = (key) => (now, before) => before && Math.max(0, (now[key] - before[key]) / ((now.at - before.at) / 1000));
const plots = [
  new Plot('Connections', (now) => now.open, ''),
  new Plot('Events a second', rate('eventsSent'), ''),
  new Plot('Bytes a second', rate('bytesSent'), 'B'),
  new Plot('Clients that lag', (now) => now.lagging, ''),
  new Plot('Buffered', (now) => now.bufferedBytes, 'B'),
  new Plot('Dropped a second', rate('eventsDropped'), ''),
];
addEventListener('resize', () => plots.forEach((plot) => plot.draw()));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plots.forEach((plot) => plot.draw()));

// --- tables ------------------------------------------------------------------------------------------------------
const cell = (row, text, className) => {
  const made = element('td', text, className);
  if (className === 'long') made.title = text;
  row.append(made);
};
// A row stays the same element as long as it is there: a button that is about to be pressed does not go away.
const fill = (body, items, keyOf, cellsOf, action) => {
  const before = new Map(Array.from(body.children, (row) => [row.dataset.key, row]));
  const rows = items.map((item) => {
    const key = keyOf(item);
    let row = before.get(key);
    if (!row) {
      row = element('tr');
      row.dataset.key = key;
      for (const [, className = ''] of cellsOf(item)) cell(row, '', className);
      const last = element('td');
      const button = element('button', action.name);
      button.type = 'button';
      button.setAttribute('aria-label', action.name + ' ' + key);
      button.addEventListener('click', () => action.run(key, button));
      last.append(button);
      row.append(last);
    }
    cellsOf(item).forEach(([text], index) => {
      const one = row.children[index];
      if (one.textContent === String(text)) return;
      one.textContent = text;
      if (one.className === 'long') one.title = text;
    });
    return row;
  });
  if (rows.length !== body.children.length || rows.some((row, index) => body.children[index] !== row)) {
    body.replaceChildren(...rows);
  }
};
const kick = async (id, button) => {
  button.disabled = true;
  const answer = await fetch(new URL('connections/' + encodeURIComponent(id), base), { method: 'DELETE' });
  button.textContent = answer.ok || answer.status === 404 ? 'gone' : 'failed: ' + answer.status;
};

// --- the stream --------------------------------------------------------------------------------------------------
let before;
let source;
const watch = () => {
  source?.close();
  const query = new URLSearchParams({ q: $('q').value, sort: $('sort').value });
  source = new EventSource(new URL('events?' + query, base));
  source.onopen = () => badge('state', 'live', 'good');
  source.onerror = () => badge('state', 'not connected', 'bad');
  source.addEventListener('node', ({ data }) => {
    const now = JSON.parse(data);
    // The counts of a node that was restarted begin anew.
    if (before && now.eventsSent < before.eventsSent) before = undefined;
    for (const plot of plots) plot.add(now, before);
    before = now;
    if (now.isDraining) badge('state', 'draining', 'bad');
    const isUp = now.isBackplaneUp && now.health?.isUp !== false;
    const state = now.health?.details?.status ?? (isUp ? 'up' : 'away');
    badge('backplane', 'backplane ' + state, isUp ? 'good' : 'bad');
    $('backplane').title = JSON.stringify(now.health?.details ?? {}, null, 1);
    const cells = (row) => [
      [row.name + (row.isEnded ? ' (ended)' : ''), 'long'],
      [row.readers, 'n'],
      [row.events, 'n'],
      [short(row.bytes, 'B'), 'n'],
      [time(row.silentMs), 'n'],
    ];
    fill($('channels'), now.channelRows, (row) => row.name, cells, { name: 'Tail', run: tail });
  });
  source.addEventListener('connections', ({ data }) => {
    const { found, rows } = JSON.parse(data);
    $('found').textContent = rows.length < found ? rows.length + ' of ' + found : String(found);
    const cells = (row) => [
      [row.route, 'long'],
      [row.address],
      [row.tags, 'long'],
      [row.channels.join(', '), 'long'],
      [time(row.ageMs), 'n'],
      [row.lag, 'n'],
      [short(row.buffered, 'B'), 'n'],
      [row.events, 'n'],
      [lastEvent(row), 'n'],
    ];
    const shown = new Set(rows.map(({ id }) => id));
    seen = new Map([...seen].filter(([id]) => shown.has(id)));
    fill($('connections'), rows, (row) => row.id, cells, { name: 'Close', run: kick });
  });
};
// The server keeps no time for each event: what is known is when this page saw the count change.
let seen = new Map();
const lastEvent = ({ id, events }) => {
  const known = seen.get(id);
  if (!known) seen.set(id, { events });
  else if (known.events !== events) Object.assign(known, { events, at: Date.now() });
  return known?.at ? time(Date.now() - known.at) : '–';
};
const badge = (id, text, className) => {
  $(id).textContent = text;
  $(id).className = 'badge ' + className;
};
let typing;
$('q').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(watch, 300);
});
$('sort').addEventListener('change', watch);
$('search').addEventListener('submit', (event) => event.preventDefault());

// --- the tail of a channel ---------------------------------------------------------------------------------------
// An EventSource hears only types that it knows by name.
let tailing;
const tail = async (name) => {
  tailing?.abort();
  const mine = (tailing = new AbortController());
  $('tail').hidden = false;
  $('tail-name').textContent = name;
  $('tail-lines').replaceChildren();
  try {
    const query = new URLSearchParams({ channel: name });
    const { body } = await fetch(new URL('tail?' + query, base), { signal: mine.signal });
    let text = '';
    for (const reader = body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      const frames = (text + value).split('\n\n');
      text = frames.pop();
      for (const frame of frames) show(frame.split('\n'));
    }
    line('', 'The stream ended.');
  } catch (error) {
    if (tailing === mine && !mine.signal.aborted) line('', String(error));
  }
};
const show = (lines) => {
  const of = (name) => lines.filter((one) => one.startsWith(name + ': ')).map((one) => one.slice(name.length + 2));
  const data = of('data');
  if (data.length > 0) line(of('event')[0] ?? 'message', data.join('\n'));
};
const line = (type, text) => {
  const made = element('li');
  made.append(element('b', type), ' ' + text.slice(0, 2000));
  $('tail-lines').prepend(made);
  while ($('tail-lines').children.length > 200) $('tail-lines').lastChild.remove();
};
$('tail-stop').addEventListener('click', () => {
  tailing?.abort();
  $('tail').hidden = true;
});

watch();
`;
