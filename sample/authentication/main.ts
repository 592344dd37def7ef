import 'reflect-metadata';
import {
  Body,
  Controller,
  Injectable,
  Module,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import cookieParser from 'cookie-parser';
import type { Request, Response } from 'express';
import { Sse, SseModule, type SseEventInit } from 'nestjs-event-stream';
import { randomUUID } from 'node:crypto';
import { interval, map, type Observable } from 'rxjs';

declare module 'express' {
  interface Request {
    user?: string;
  }
}

/** Who is behind a cookie, and behind a token. */
const sessions = new Map<string, string>();
const tokens = new Map<string, string>();

/** An EventSource sends cookies, and no headers of your choice. So it is a cookie or the query. */
@Injectable()
class UserGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request<object, object, object, { token?: string }>>();
    const { token = '' } = request.query;
    request.user = sessions.get((request.cookies as { session?: string }).session ?? '') ?? tokens.get(token);
    // URLs end up in logs: a token is good for one stream.
    tokens.delete(token);
    if (request.user === undefined) throw new UnauthorizedException('Log in first');
    return true;
  }
}

@Controller()
class AuthenticationController {
  @Post('login')
  login(@Body('user') user: string, @Res({ passthrough: true }) response: Response): { user: string } {
    const session = randomUUID();
    sessions.set(session, user);
    response.cookie('session', session, { httpOnly: true, sameSite: 'strict' });
    return { user };
  }

  @Post('tokens')
  @UseGuards(UserGuard)
  token(@Req() { user }: Request): { token: string } {
    const token = randomUUID();
    tokens.set(token, user!);
    setTimeout(() => tokens.delete(token), 30_000).unref();
    return { token };
  }

  @Sse('mine')
  @UseGuards(UserGuard)
  mine(@Req() { user }: Request): Observable<SseEventInit> {
    return interval(1_000).pipe(map((n) => ({ data: `${n} for ${user}` })));
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [AuthenticationController] })
class AuthenticationModule {}

const app = await NestFactory.create(AuthenticationModule);
app.use(cookieParser());
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
