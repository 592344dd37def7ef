import {
  Body,
  ConsoleLogger,
  Controller,
  HttpCode,
  Injectable,
  NotFoundException,
  Param,
  Post,
  Query,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import {
  defineChannel,
  Sse,
  SseBroadcaster,
  SseClient,
  SseConnection,
  SseConnections,
  type SseSubscription,
} from 'nestjs-event-stream';

interface Message {
  room: string;
  name: string;
  text: string;
}

interface Line {
  at: Date;
  level: string;
  context: string | undefined;
  text: string;
}

/** Nest's own logger, whose lines are an event stream as well. */
const LOG = defineChannel<{ line: Line }>('log');
/** Numbers without end, so that a missing one can be seen. */
const TICKER = defineChannel<{ tick: number }>('ticker');
const ROOMS = new Map(
  ['lobby', 'kitchen', 'garden'].map((room) => [room, defineChannel<{ chat: Message }>(`room.${room}`)]),
);

/** What differs from channel to channel; the ticker keeps six seconds, so that a longer absence shows a gap. */
export const CHANNEL_RULES = [
  { match: 'ticker', history: { maxEvents: 24 } },
  { match: 'log', history: { maxEvents: 100, maxAgeMs: false } },
  { match: 'room.*', history: { maxEvents: 50, maxAgeMs: 3_600_000 } },
] as const;

const TICK_EVERY_MS = 250;
const MAX_NAME_LENGTH = 30;
const MAX_TEXT_LENGTH = 300;
/** A visitor may cut himself off, but not for long. */
const MAX_CUT_SECONDS = 30;

/** Prints as Nest's logger does, and publishes. */
@Injectable()
export class ServerLog extends ConsoleLogger {
  constructor(private readonly broadcaster: SseBroadcaster) {
    super();
  }

  protected override printMessages(...[messages, context, level, ...rest]: Parameters<ConsoleLogger['printMessages']>) {
    super.printMessages(messages, context, level, ...rest);
    for (const message of messages) {
      const text = message instanceof Error ? message.message : String(message);
      const data = { at: new Date(), level: level ?? 'log', context, text };
      // The last lines of a closing application reach the terminal only; to log that would be one more of them.
      this.broadcaster.publish(LOG, { type: 'line', data }).catch(() => undefined);
    }
  }
}

/** Everything that is published: one line for whoever publishes, one for whoever listens. */
@Controller()
export class ChannelsController implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private ticks = 0;

  constructor(
    private readonly broadcaster: SseBroadcaster,
    private readonly connections: SseConnections,
  ) {}

  /** Ticks whether or not anyone listens. */
  onModuleInit(): void {
    this.timer = setInterval(() => {
      void this.broadcaster.publish(TICKER, { type: 'tick', data: ++this.ticks });
    }, TICK_EVERY_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Every line that the server logs, from where the browser was. */
  @Sse('log')
  log(): SseSubscription {
    return this.broadcaster.subscribe(LOG, { from: 'earliest' });
  }

  /** The ticker and all rooms on one connection: a browser has six, for all of its tabs. */
  @Sse('live')
  live(@SseClient() client: SseConnection, @Query('page') page = 'a program'): SseSubscription {
    // The tag by which its page has it cut.
    client.context.page = page;
    return this.broadcaster.subscribe([TICKER, ...ROOMS.values()], { from: 'earliest' });
  }

  @Post('rooms/:room')
  @HttpCode(202)
  async say(@Param('room') room: string, @Body() { name, text }: Partial<Message>): Promise<{ id: string }> {
    const channel = ROOMS.get(room);
    if (!channel) throw new NotFoundException(`no room ${room}: ${[...ROOMS.keys()].join(', ')}`);
    const data = {
      room,
      name: String(name ?? '').slice(0, MAX_NAME_LENGTH) || 'somebody',
      text: String(text ?? '').slice(0, MAX_TEXT_LENGTH),
    };
    const { id } = await this.broadcaster.publish(channel, { type: 'chat', data });
    return { id };
  }

  /** Cuts a page off, or everyone; `retry` tells the browser how long to stay away. */
  @Post('cut')
  @HttpCode(200)
  cut(@Body() { page, seconds = 1 }: { page?: string; seconds?: number }): { cut: number } {
    const isMeant = ({ context }: SseConnection) =>
      context.page !== undefined && (page === undefined || context.page === page);
    const retry = Math.round(Math.min(Math.max(Number(seconds) || 0, 0), MAX_CUT_SECONDS) * 1_000);
    for (const connection of this.connections) if (isMeant(connection)) connection.send({ retry });
    return { cut: this.broadcaster.disconnect(isMeant, 'cut by a visitor') };
  }
}
