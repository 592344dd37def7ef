import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

interface Price {
  n: number;
  price: number;
}

/** The newest events of a stream. The browser comes back by itself when the connection is lost, and misses nothing. */
function useEvents<T>(url: string, type: string): { events: T[]; isLive: boolean } {
  const [events, setEvents] = useState<T[]>([]);
  const [isLive, setLive] = useState(false);
  useEffect(() => {
    const source = new EventSource(url);
    source.onopen = () => setLive(true);
    source.onerror = () => setLive(false);
    source.addEventListener(type, ({ data }) => setEvents((before) => [...before.slice(-9), JSON.parse(data) as T]));
    return () => source.close();
  }, [url, type]);
  return { events, isLive };
}

function Prices() {
  const { events, isLive } = useEvents<Price>('/prices', 'price');
  return (
    <>
      <h1>React</h1>
      <p>{isLive ? 'live' : 'away; it comes back by itself'}</p>
      <ul>
        {events.map(({ n, price }) => (
          <li key={n}>
            {n}: {price}
          </li>
        ))}
      </ul>
    </>
  );
}

createRoot(document.querySelector('app-root')!).render(<Prices />);
