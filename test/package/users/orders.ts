// The application of a user. Its dependencies are named with @Inject(): not every compiler here writes their types down.
import {
  Controller,
  Inject,
  Injectable,
  Module,
  Param,
  UnauthorizedException,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Sse, SseBroadcaster, SseClient, SseConnection, SseModule } from 'nestjs-event-stream';

@Injectable()
export class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    if (headers['authorization'] !== 'Bearer ann') throw new UnauthorizedException();
    return true;
  }
}

@Controller('orders')
export class OrdersController {
  constructor(@Inject(SseBroadcaster) private readonly broadcaster: SseBroadcaster) {}

  @Sse('feed')
  @UseGuards(TokenGuard)
  feed(@SseClient() connection: SseConnection) {
    (connection.context as Record<string, string>)['userId'] = 'ann';
    return this.broadcaster.subscribe('orders');
  }

  async create(total: number): Promise<void> {
    await this.broadcaster.publish('orders', { type: 'created', data: { total } });
  }

  signOut(userId: string): void {
    this.broadcaster.disconnect({ userId }, { reason: 'signed out', event: { type: 'signed-out', data: {} } });
  }

  async ask(id: string): Promise<void> {
    await this.broadcaster.produce(`answers.${id}`, (signal: AbortSignal) => tokens(signal));
  }

  @Sse('answers/:id')
  answer(@Param('id') id: string) {
    return this.broadcaster.subscribe(`answers.${id}`, { from: 'earliest' });
  }

  async stop(id: string): Promise<void> {
    await this.broadcaster.stop(`answers.${id}`);
  }
}

async function* tokens(signal: AbortSignal) {
  yield { type: 'token', data: 'Hello' };
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
}

@Module({ imports: [SseModule.forRoot({ history: { maxEvents: 2 } })], controllers: [OrdersController] })
export class OrdersModule {}
