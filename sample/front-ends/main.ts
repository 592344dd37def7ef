import 'reflect-metadata';
import { Controller, Get, Header, Module, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { build } from 'esbuild';
import { Sse, SseBroadcaster, SseModule, type SseSubscription } from 'nestjs-event-stream';
import { join } from 'node:path';

/** What your own build does with the files beside this one. */
async function pageOf(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, file)],
    bundle: true,
    format: 'esm',
    write: false,
    minify: true,
  });
  return `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>${file}</title>
    <style>:root { color-scheme: light dark; font: 16px/1.5 system-ui; } body { max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }</style>
    <body><app-root></app-root><script type="module" src="data:text/javascript;base64,${Buffer.from(outputFiles[0]!.contents).toString('base64')}"></script></body></html>`;
}

@Controller()
class FrontEndsController implements OnModuleDestroy {
  private n = 0;
  private readonly timer = setInterval(() => void this.publish(), 500);

  constructor(private readonly broadcaster: SseBroadcaster) {}

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  @Sse('prices')
  prices(): SseSubscription {
    return this.broadcaster.subscribe('prices', { from: 'earliest' });
  }

  @Get('react')
  @Header('Content-Type', 'text/html')
  react(): Promise<string> {
    return pageOf('react.tsx');
  }

  @Get('angular')
  @Header('Content-Type', 'text/html')
  angular(): Promise<string> {
    return pageOf('angular.ts');
  }

  private async publish(): Promise<void> {
    const price = Math.round(1_000 + 50 * Math.sin(++this.n / 3)) / 10;
    await this.broadcaster.publish('prices', { type: 'price', data: { n: this.n, price } });
  }
}

@Module({ imports: [SseModule.forRoot({ history: { maxEvents: 10 } })], controllers: [FrontEndsController] })
class FrontEndsModule {}

const app = await NestFactory.create(FrontEndsModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
