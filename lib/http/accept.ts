/**
 * Whether a client takes an event stream: what it asks for names `text/event-stream`, `text/*` or everything, with a
 * weight above zero; the most specific range decides.
 *
 * @see RFC 9110 §12.5.1
 * @internal
 */
export function acceptsEventStream(accept: string | undefined): boolean {
  // No header means everything. So does what nearly every client sends; no need to take it apart.
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'text/event-stream') return true;
  let best = 0;
  let weight = 0;
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const specificity = SPECIFICITY[type] ?? 0;
    if (specificity === 0 || specificity < best) continue;
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    const value = q === undefined ? 1 : Number(q.slice(2));
    weight = specificity === best ? Math.max(weight, value) : value;
    best = specificity;
  }
  return weight > 0;
}

const SPECIFICITY: Record<string, number> = { '*/*': 1, 'text/*': 2, 'text/event-stream': 3 };
