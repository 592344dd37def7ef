import { createHash } from 'node:crypto';

/** Longest id of a subscription, in bytes. Proxies take 8 KB of request headers by default, cookies and all. */
export const MAX_VECTOR_BYTES = 4_608;

/** Length of a hash. With 48 bits, two channels of one subscription have no equal hash by chance. */
const HASH_LENGTH = 8;

/** Longest position that a backplane makes. */
const MAX_POSITION_LENGTH = 64;

/** Most channels of one subscription. So many positions of the usual length (25) fit an id. */
export const MAX_CHANNELS = 128;

const POSITION = /^(?!\d+$)[A-Za-z0-9_-]+$/;
const HASH = /^[A-Za-z0-9_-]{8}$/;

/**
 * What a client says it has. The id of a subscription to one channel is the position itself, so that all subscribers
 * share the frame; of several channels it is one position for each: `<hash of the name>~<position>`, joined by `.`.
 */
export type Resume =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'position'; readonly position: string }
  | { readonly kind: 'vector'; readonly positions: ReadonlyMap<string, string> }
  | { readonly kind: 'malformed' };

/** The short form of a channel's name in an id. Names are free text, and may be long. */
export function hashChannel(name: string): string {
  return createHash('sha256').update(name).digest('base64url').slice(0, HASH_LENGTH);
}

export function formatVector(
  elements: readonly { readonly hash: string; readonly told: string | undefined }[],
): string {
  let id = '';
  for (const { hash, told } of elements) {
    if (told !== undefined) id += `${id === '' ? '' : '.'}${hash}~${told}`;
  }
  return id;
}

/** Reads an id as a client sends it. It never throws: an id that no subscription makes is `malformed`. */
export function parseResume(id: string | undefined): Resume {
  if (id === undefined) return { kind: 'fresh' };
  if (id.length > MAX_VECTOR_BYTES) return { kind: 'malformed' };
  if (isPosition(id)) return { kind: 'position', position: id };
  const positions = new Map<string, string>();
  for (const element of id.split('.')) {
    const [hash = '', position = '', ...more] = element.split('~');
    if (more.length > 0 || !HASH.test(hash) || !isPosition(position) || positions.has(hash))
      return { kind: 'malformed' };
    positions.set(hash, position);
  }
  return { kind: 'vector', positions };
}

function isPosition(text: string): boolean {
  return text.length <= MAX_POSITION_LENGTH && POSITION.test(text);
}
