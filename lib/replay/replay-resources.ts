import type { Observer } from '../connection/observer.js';
import type { SseBackplane } from '../backplane/backplane.js';
import { BackplaneState } from './backplane-state.js';
import { StoreReader } from './store-reader.js';
import { ReplayPace } from './replay-pace.js';
import { SnapshotLoads } from './snapshot-loads.js';
import { StoreHeads } from './store-heads.js';
import { StorePages } from './store-pages.js';

/**
 * What the subscriptions of one node share when they catch up: time, memory, questions to the store, and snapshots.
 *
 * @internal
 */
export class ReplayResources {
  readonly pace = new ReplayPace();
  readonly snapshots = new SnapshotLoads();
  readonly state: BackplaneState;
  readonly reader: StoreReader;
  readonly heads: StoreHeads;
  readonly pages: StorePages;

  constructor(
    readonly backplane: SseBackplane,
    observer: Observer,
  ) {
    this.state = new BackplaneState(backplane, observer);
    this.reader = new StoreReader(backplane, this.state);
    this.heads = new StoreHeads(backplane);
    this.pages = new StorePages(backplane, this.reader, this.pace);
  }

  close(): void {
    this.state.close();
    this.reader.close();
    this.pages.close();
    this.snapshots.close();
  }
}
