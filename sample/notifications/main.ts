import 'reflect-metadata';
import { Body, Controller, Headers, HttpCode, Logger, Module, Post, UnauthorizedException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseConnections, SseModule, SseResponse } from 'nestjs-event-stream';
import { filter, map, Subject } from 'rxjs';

interface Notification {
  user: string;
  text: string;
}

@Controller('notifications')
class NotificationsController {
  private readonly logger = new Logger('Notifications');
  private readonly sent = new Subject<Notification>();

  constructor(private readonly connections: SseConnections) {}

  /** What is sent to one user. A guard would know who it is; here a header says so. */
  @Sse()
  listen(@Headers('x-user') user?: string): SseResponse {
    if (!user) throw new UnauthorizedException('Who are you? Send an X-User header.');
    const mine = this.sent.pipe(
      filter((notification) => notification.user === user),
      map(({ text }) => ({ type: 'notification', data: { text } })),
    );
    return new SseResponse(mine, { onClose: ({ reason }) => this.logger.log(`${user}: ${reason}`) });
  }

  @Post()
  @HttpCode(202)
  send(@Body() notification: Notification): { listening: number } {
    this.sent.next(notification);
    return { listening: this.connections.size };
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [NotificationsController] })
class NotificationsModule {}

const app = await NestFactory.create(NotificationsModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
