import type { Connection } from '../connection/connection.js';
import { top } from './top.js';

/** By what the connections can be ordered, the most first. */
export const SORTS = ['age', 'lag', 'buffered', 'events'] as const;
export type Sort = (typeof SORTS)[number];

/** What somebody looks for. */
export interface Search {
  /** In lower case: a part of a route, an address, a channel, a tag, or an id. */
  readonly text: string;
  readonly sort: Sort;
}

/** So many are shown: nobody reads more, and a page of ten thousand rows a second is work for both sides. */
const MAX_ROWS = 100;

/** A connection as the page shows it. */
export interface ConnectionRow {
  readonly id: string;
  readonly route: string;
  readonly address: string;
  readonly tags: string;
  readonly channels: readonly string[];
  /** Milliseconds. */
  readonly ageMs: number;
  /** Events of its channels that are not written to it yet. */
  readonly lag: number;
  readonly buffered: number;
  readonly events: number;
}

/** The rows at the top, and how many connections were found. */
export interface ConnectionTable {
  readonly found: number;
  readonly rows: readonly ConnectionRow[];
}

/** Finds the connections that somebody looks for, and shows those at the top. */
export class ConnectionTables {
  /** Express finds an address anew each time that it is asked. */
  private readonly addresses = new WeakMap<Connection, string>();

  of(all: Iterable<Connection>, { text, sort }: Search): ConnectionTable {
    const found = [...all].filter(
      (connection) => connection.openedAt !== undefined && (text === '' || this.textOf(connection).includes(text)),
    );
    const now = Date.now();
    const shown = top(found, MAX_ROWS, (connection) => valueOf(connection, sort));
    return { found: found.length, rows: shown.map((connection) => this.rowOf(connection, now)) };
  }

  private rowOf(connection: Connection, now: number): ConnectionRow {
    return {
      id: connection.id,
      route: connection.route,
      address: this.addressOf(connection),
      tags: tagsOf(connection),
      channels: connection.feed?.channelNames?.slice(0, 5) ?? [],
      ageMs: now - (connection.openedAt ?? now),
      lag: connection.feed?.lag ?? 0,
      buffered: connection.bufferedBytes,
      events: connection.eventsSent,
    };
  }

  private textOf(connection: Connection): string {
    const channels = connection.feed?.channelNames?.join(' ') ?? '';
    const { id, route } = connection;
    return `${id} ${route} ${this.addressOf(connection)} ${channels} ${tagsOf(connection)}`.toLowerCase();
  }

  private addressOf(connection: Connection): string {
    let address = this.addresses.get(connection);
    if (address === undefined) {
      const { ip } = connection.request as { readonly ip?: unknown };
      this.addresses.set(connection, (address = typeof ip === 'string' ? ip : ''));
    }
    return address;
  }
}

function valueOf(connection: Connection, sort: Sort): number {
  switch (sort) {
    case 'age':
      return -(connection.openedAt ?? 0);
    case 'lag':
      return connection.feed?.lag ?? 0;
    case 'buffered':
      return connection.bufferedBytes;
    case 'events':
      return connection.eventsSent;
  }
}

/** Objects may be whole users. */
function tagsOf({ context }: Connection): string {
  return Object.entries(context)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
    .map(([name, value]) => `${name}=${String(value).slice(0, 40)}`)
    .join(' ');
}
