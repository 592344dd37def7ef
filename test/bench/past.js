import { FIRST } from './payload.js';

/** What clients that come back bring: the id of the event before the first that they missed. */
export const RESUME_FROM = String(FIRST - 1);

/** The bookkeeping that a bare handler needs for replay: what came after an id, by that id. */
export class Past {
  #items;
  #indexes;

  /** @param make what to keep of an event */
  constructor(events, make) {
    this.#items = events.map(make);
    this.#indexes = new Map(events.map(({ id }, index) => [id, index]));
  }

  /** All of it for an id that is not there (any more), as most would do. */
  after(id) {
    return this.#items.slice((this.#indexes.get(id) ?? -1) + 1);
  }
}
