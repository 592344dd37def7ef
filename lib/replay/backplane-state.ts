import { isObservable } from '../backplane/abilities.js';
import type { SseBackplane } from '../backplane/backplane.js';
import { isUnavailable } from '../backplane/is-unavailable.js';
import type { Observer } from '../connection/observer.js';

/** How often a backplane that is away is asked for its health, in milliseconds. */
const ASK_EVERY_MS = 1_000;

/**
 * Whether the backplane can be reached, as far as the reads and publishes of this node know.
 *
 * The first one that fails because the backplane is away says that it is. That it is back is said by the backplane itself, if it
 * can report its health: with several servers, one answers while another one is away. Else the next success says so.
 *
 * @internal
 */
export class BackplaneState {
  isUp = true;
  private timer: NodeJS.Timeout | undefined;
  private isAsking = false;
  private isClosed = false;

  constructor(
    private readonly backplane: SseBackplane,
    private readonly observer: Pick<Observer, 'backplaneChanged'>,
  ) {}

  /** A read or a publish was answered. */
  answered(): void {
    if (this.isUp) return;
    if (isObservable(this.backplane)) void this.ask();
    else this.change(true);
  }

  /** A read or a publish failed. What failed for another reason says nothing. */
  failed(error: unknown): void {
    if (!this.isUp || this.isClosed || !isUnavailable(error)) return;
    this.change(false, error);
    // Nothing may be read or published here for a long time.
    if (isObservable(this.backplane)) this.timer = setInterval(() => void this.ask(), ASK_EVERY_MS).unref();
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.timer);
  }

  private async ask(): Promise<void> {
    const { backplane } = this;
    if (this.isAsking || !isObservable(backplane)) return;
    this.isAsking = true;
    // It promises not to reject; a backplane of somebody else's may not keep that.
    const { isUp } = await backplane.health().catch(() => ({ isUp: false }));
    this.isAsking = false;
    if (isUp && !this.isUp && !this.isClosed) this.change(true);
  }

  private change(isUp: boolean, error?: unknown): void {
    this.isUp = isUp;
    clearInterval(this.timer);
    this.timer = undefined;
    this.observer.backplaneChanged(isUp, error);
  }
}
