import 'reflect-metadata';
import {
  Controller,
  ForbiddenException,
  Injectable,
  Module,
  Param,
  Post,
  Req,
  UnauthorizedException,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Request } from 'express';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseModule, type SseSubscription } from 'nestjs-event-stream';

interface UserRequest extends Request {
  account: { name: string; expiresAt: number };
}

const banned = new Set<string>();

/** Stands for yours, which would look at a cookie or a token: `?user=ann&seconds=10`. */
@Injectable()
class UserGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<UserRequest>();
    const { user, seconds = '3600' } = request.query as Record<string, string | undefined>;
    if (!user) throw new UnauthorizedException('Who are you?');
    if (banned.has(user)) throw new ForbiddenException('You are banned');
    request.account = { name: user, expiresAt: Date.now() + Number(seconds) * 1_000 };
    return true;
  }
}

@Controller()
class RightsController {
  constructor(private readonly broadcaster: SseBroadcaster) {
    setInterval(() => void broadcaster.publish('time', { data: new Date().toLocaleTimeString() }), 1_000).unref();
  }

  @Sse('rooms/:room')
  @UseGuards(UserGuard)
  room(
    @Param('room') room: string,
    @Req() { account }: UserRequest,
    @SseClient() client: SseConnection,
  ): SseSubscription {
    client.context.user = account.name;
    return this.broadcaster.subscribe(['time', `${account.name}.${room}`]);
  }

  /** The next check ends the streams of the user. */
  @Post('ban/:user')
  ban(@Param('user') user: string): void {
    banned.add(user);
  }

  /** Ends the streams of the user now, and keeps the user out for ten seconds. */
  @Post('kick/:user')
  kick(@Param('user') user: string): { streams: number } {
    const event = { type: 'kicked', data: 'come back in ten seconds' };
    return { streams: this.broadcaster.disconnect({ user }, { event, blockForMs: 10_000 }) };
  }
}

@Module({
  imports: [
    SseModule.forRoot({
      expiresAt: (request: UserRequest) => request.account.expiresAt,
      reauthorize: {
        everyMs: 2_000,
        key: (request: UserRequest) => request.account.name,
        check: (_request, user = '') => !banned.has(user),
      },
      authorize: (channel, request: UserRequest) => channel !== `${request.account.name}.secret`,
    }),
  ],
  controllers: [RightsController],
})
class RightsModule {}

const app = await NestFactory.create(RightsModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
