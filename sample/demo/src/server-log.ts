import { ConsoleLogger, Injectable } from '@nestjs/common';
import type { SseEventInit } from 'nestjs-event-stream';
import { concat, from, Subject, type Observable } from 'rxjs';

/** Lines that a page sees which opens later; a screenful or two. */
const KEPT_LINES = 100;

/** Nest's own logger, whose lines are an event stream as well. */
@Injectable()
export class ServerLog extends ConsoleLogger {
  /** Ids of another run must not pass for ids of this one: a page may come back after a restart. */
  private readonly run = Date.now().toString(36);
  private written = 0;
  private readonly lines: SseEventInit[] = [];
  private readonly added = new Subject<SseEventInit>();

  /** What was written after the line `lastEventId`, or all that is kept when that is not known, and then what comes. */
  follow(lastEventId: string | undefined): Observable<SseEventInit> {
    const seen = this.lines.findIndex(({ id }) => id === lastEventId);
    // `concat` goes on to the second in the same turn in which the first ended: no line falls between.
    return concat(from(this.lines.slice(seen + 1)), this.added);
  }

  protected override printMessages(...[messages, context, level, ...rest]: Parameters<ConsoleLogger['printMessages']>) {
    super.printMessages(messages, context, level, ...rest);
    for (const message of messages) {
      const data = {
        at: new Date(),
        level,
        context,
        text: message instanceof Error ? message.message : String(message),
      };
      const line = { id: `${this.run}-${++this.written}`, data };
      if (this.lines.push(line) > KEPT_LINES) this.lines.shift();
      this.added.next(line);
    }
  }
}
