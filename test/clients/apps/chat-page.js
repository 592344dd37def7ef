// A chat, as the AI SDK's own examples write it. `?id=` is the chat; `&save=all` keeps also the part of an answer that is there.
import { Chat, useChat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';
import { createElement as h, useEffect } from 'react';
import { createRoot } from 'react-dom/client';

const query = new URLSearchParams(location.search);
const id = query.get('id');
const saved = JSON.parse(localStorage.getItem(id) ?? '[]');
const transport = new DefaultChatTransport({ api: '/api/chat' });
const chat = new Chat({ id, messages: saved, transport });

function Page() {
  const { messages, sendMessage, status, stop, resumeStream, error } = useChat({ chat, resume: true });
  useEffect(() => {
    const kept = query.get('save') === 'all' ? messages : messages.filter(({ role }) => role === 'user');
    localStorage.setItem(id, JSON.stringify(kept));
  }, [messages]);
  const stopAll = async () => {
    await stop();
    await fetch(`/api/chat/${id}/stream`, { method: 'DELETE' });
  };
  const textOf = ({ parts }) => parts.map(({ text = '' }) => text).join('');
  return h(
    'main',
    null,
    h('button', { id: 'ask', onClick: () => sendMessage({ text: 'Hi' }) }),
    h('button', { id: 'stop', onClick: stopAll }),
    h('button', { id: 'resume', onClick: () => resumeStream() }),
    h('output', { id: 'status' }, status),
    h('output', { id: 'error' }, error?.message ?? ''),
    messages.map((message) => h('p', { key: message.id, className: message.role }, textOf(message))),
  );
}

createRoot(document.getElementById('root')).render(h(Page));

/** What the page shows: its status, and the answers. */
window.shown = () => {
  const answers = [...document.querySelectorAll('.assistant')].map(({ textContent }) => textContent);
  return `${document.querySelector('#status')?.textContent}: ${answers.join('|')}`;
};
