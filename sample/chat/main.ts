import 'reflect-metadata';
import { Body, Controller, Delete, Module, Param, Post, Put, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseModule, type SseSubscription } from 'nestjs-event-stream';
import { join } from 'node:path';

@Controller()
class ChatController {
  /** Who is in which rooms. A stream that comes back is in the same ones. */
  private readonly rooms = new Map<string, Set<string>>();

  constructor(private readonly broadcaster: SseBroadcaster) {}

  /** One stream for all rooms: a browser opens at most six to a host. A guard would know the user; here the query says so. */
  @Sse('chat')
  chat(@Query('user') user: string, @SseClient() client: SseConnection): SseSubscription {
    client.context.user = user;
    return this.broadcaster.subscribe(['lobby', ...this.roomsOf(user)]);
  }

  /** Adds the room to all open streams of the user, on every node. */
  @Put('rooms/:room/:user')
  async enter(@Param('room') room: string, @Param('user') user: string): Promise<void> {
    this.roomsOf(user).add(room);
    await this.broadcaster.join({ user }, room);
    await this.say(room, user, 'is here');
  }

  @Delete('rooms/:room/:user')
  async exit(@Param('room') room: string, @Param('user') user: string): Promise<void> {
    await this.say(room, user, 'has left');
    this.roomsOf(user).delete(room);
    await this.broadcaster.leave({ user }, room);
  }

  @Post('rooms/:room/:user')
  async say(@Param('room') room: string, @Param('user') user: string, @Body('text') text: string): Promise<void> {
    await this.broadcaster.publish(room, { type: 'message', data: { room, user, text } });
  }

  private roomsOf(user: string): Set<string> {
    const rooms = this.rooms.get(user) ?? new Set();
    this.rooms.set(user, rooms);
    return rooms;
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [ChatController] })
class ChatModule {}

const app = await NestFactory.create<NestExpressApplication>(ChatModule);
app.useStaticAssets(join(import.meta.dirname, 'public'));
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
