/** The page: what was said, which node said it, and which one this browser is connected to. */
export const page = `<!doctype html>
<meta charset="utf-8">
<title>one chat, two nodes</title>
<style>body { font: 16px system-ui; max-width: 40rem; margin: 2rem auto } small { color: #777 }</style>
<h1>one chat, two nodes</h1>
<ul id="said"></ul>
<form id="say"><input id="text" autofocus placeholder="say something"> <button>send</button></form>
<script>
  new EventSource('/chat').onmessage = ({ data }) => {
    const { text, node } = JSON.parse(data);
    const item = document.createElement('li');
    const small = document.createElement('small');
    item.textContent = text + ' ';
    small.textContent = 'through ' + node;
    item.append(small);
    said.append(item);
  };
  say.onsubmit = (event) => {
    event.preventDefault();
    const body = JSON.stringify({ text: text.value });
    fetch('/chat', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    text.value = '';
  };
</script>`;
