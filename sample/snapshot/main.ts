import 'reflect-metadata';
import { Controller, Module, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { defineChannel, Sse, SseBroadcaster, SseModule, type SseSubscription } from 'nestjs-event-stream';
import { join } from 'node:path';

const board = defineChannel<{ seats: Record<string, string>; seat: { seat: string; state: string } }>('board');
const STATES = ['free', 'held', 'sold'];

@Controller()
class SeatsController implements OnModuleDestroy {
  private readonly seats = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`${'ABCDE'[Math.floor(n / 8)]}${(n % 8) + 1}`, 'free']),
  );
  private readonly timer = setInterval(() => void this.change(), 300);

  constructor(private readonly broadcaster: SseBroadcaster) {}

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** First the state (`seats`), then each change of it (`seat`). What changes while the state is read is not lost. */
  @Sse('seats')
  watch(): SseSubscription {
    return this.broadcaster.subscribe(board, { snapshot: () => ({ type: 'seats', data: this.seats }) });
  }

  private async change(): Promise<void> {
    const names = Object.keys(this.seats);
    const seat = names[Math.floor(Math.random() * names.length)]!;
    const state = STATES[(STATES.indexOf(this.seats[seat]!) + 1) % STATES.length]!;
    this.seats[seat] = state;
    await this.broadcaster.publish(board, { type: 'seat', data: { seat, state } });
  }
}

@Module({
  // A short history: a page that was away for more than five changes gets a gap, and the state again.
  imports: [SseModule.forRoot({ history: { maxEvents: 5 }, retryMs: 500 })],
  controllers: [SeatsController],
})
class SnapshotModule {}

const app = await NestFactory.create<NestExpressApplication>(SnapshotModule);
app.useStaticAssets(join(import.meta.dirname, 'public'));
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
