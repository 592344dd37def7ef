/** The page. BASE is the last part of its own path: what it loads is beside it, whatever stands before. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Streams</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="BASE/inspector.css">
<script type="module" src="BASE/inspector.js"></script>
</head>
<body data-base="BASE">
<header>
<h1>Streams of this node</h1>
<p class="badges"><span id="state" class="badge">connecting</span> <span id="backplane" class="badge"></span></p>
</header>
<main>
<section aria-label="Numbers" class="tiles" id="tiles"></section>
<section aria-labelledby="connections-title">
<h2 id="connections-title">Connections <small id="found"></small></h2>
<form class="tools" id="search">
<label>Search <input id="q" type="search" placeholder="route, address, channel, tag"></label>
<label>Most <select id="sort"><option value="age">age</option><option value="lag">lag</option>
<option value="buffered">buffered</option><option value="events">events</option></select></label>
</form>
<div class="scroll"><table><thead><tr><th>Route</th><th>Address</th><th>Tags</th><th>Channels</th>
<th class="n">Age</th><th class="n">Lag</th><th class="n">Buffered</th><th class="n">Events</th><th class="n">Last event</th>
<th></th></tr></thead><tbody id="connections"></tbody></table></div>
</section>
<section aria-labelledby="channels-title">
<h2 id="channels-title">Channels <small>the most read</small></h2>
<div class="scroll"><table><thead><tr><th>Name</th><th class="n">Readers</th><th class="n">Events kept</th>
<th class="n">Bytes kept</th><th class="n">Last used</th><th></th></tr></thead><tbody id="channels"></tbody></table></div>
</section>
<section aria-labelledby="tail-title" id="tail" hidden>
<h2 id="tail-title">Tail of <span id="tail-name"></span></h2>
<p><button id="tail-stop" type="button">Stop</button></p>
<ol id="tail-lines"></ol>
</section>
</main>
</body>
</html>
`;

export const STYLE = `:root { --back: #f6f7f9; --card: #fff; --text: #1b1f24; --faint: #57606a; --line: #d8dee4; --plot: #0757b8;
  --good: #116329; --bad: #b3121d; }
@media (prefers-color-scheme: dark) {
  :root { --back: #0d1117; --card: #161b22; --text: #e6edf3; --faint: #9aa4af; --line: #30363d; --plot: #6cb0ff;
    --good: #56d364; --bad: #ff8178; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 14px/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 0 16px; align-items: center; padding: 12px 16px 0; }
h1 { font-size: 20px; margin: 0; }
h2 { font-size: 16px; margin: 0 0 8px; }
small { color: var(--faint); font-weight: normal; font-size: 13px; }
main { padding: 12px 16px; display: grid; gap: 12px; }
main > * { min-width: 0; }
.badges { margin: 4px 0; }
.badge { border: 1px solid currentColor; border-radius: 10px; padding: 1px 9px; font-size: 13px; }
.badge:empty { display: none; }
.badge.good { color: var(--good); }
.badge.bad { color: var(--bad); }
section:not(.tiles) { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 12px; }
.tiles { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 10px 12px; min-width: 0; }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; }
.tile span { color: var(--faint); font-size: 13px; }
canvas { display: block; width: 100%; height: 56px; margin-top: 6px; }
.tools { display: flex; flex-wrap: wrap; gap: 8px 16px; margin: 0 0 8px; color: var(--faint); }
input, select, button { font: inherit; color: var(--text); background: var(--back); border: 1px solid var(--line);
  border-radius: 5px; padding: 3px 8px; max-width: 100%; }
button { cursor: pointer; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; white-space: nowrap; }
th { text-align: left; color: var(--faint); font-weight: 600; }
th, td { padding: 4px 10px 4px 0; border-top: 1px solid var(--line); }
thead th { border: 0; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
td.long { max-width: 260px; overflow: hidden; text-overflow: ellipsis; }
ol { list-style: none; margin: 0; padding: 0; max-height: 320px; overflow: auto; font: 13px/1.5 ui-monospace, monospace; }
li { border-top: 1px solid var(--line); white-space: pre-wrap; overflow-wrap: anywhere; }
li b { color: var(--plot); }
`;
