import {
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  NotFoundException,
  Param,
  Query,
  Res,
  UseGuards,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import type { Connection } from '../connection/connection.js';
import type { SseConnection } from '../connection/sse-connection.js';
import { SseClient } from '../http/sse-client.decorator.js';
import { Sse } from '../http/sse.decorator.js';
import type { SseHandlerAnswer } from '../http/sse-handler-answer.js';
import { SORTS, type Sort } from './connection-table.js';
import { checkInspector, type SseInspectorOptions } from './inspector-options.js';
import { PAGE, STYLE } from './inspector-page.js';
import { SCRIPT } from './inspector-script.js';
import { Inspector } from './inspector.js';

/** What responses of Express and Fastify have both. */
interface Answer {
  header(name: string, value: string): this;
  send(body: string): unknown;
}

/** Nothing of it is inline, and it asks no other host. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STREAM = { ping: { intervalMs: 15_000 }, lineEnding: '\n', serialize: JSON.stringify, headers: {} } as const;

/** The controller, if there is an inspector. What is wrong with its options is told when the application starts. */
export function inspectorControllers(options: SseInspectorOptions | undefined): Type[] {
  try {
    checkInspector(options);
  } catch {
    return [];
  }
  return options ? [inspectorController(options)] : [];
}

/**
 * The controller of one inspector: a class for each application, since its path and its guard stand on the class.
 */
function inspectorController({ path, guard }: SseInspectorOptions): Type {
  const page = PAGE.replaceAll('BASE', path.slice(path.lastIndexOf('/') + 1));

  @Controller({ path, version: VERSION_NEUTRAL })
  class InspectorController {
    constructor(@Inject(Inspector) private readonly inspector: Inspector) {}

    // By the platform's own response: interceptors of the application may wrap what is returned.
    @Get() page(@Res() answer: Answer): void {
      give(answer, 'text/html', page);
    }

    @Get('inspector.css') style(@Res() answer: Answer): void {
      give(answer, 'text/css', STYLE);
    }

    @Get('inspector.js') script(@Res() answer: Answer): void {
      give(answer, 'text/javascript', SCRIPT);
    }

    @Sse('events', STREAM) events(
      @SseClient() viewer: SseConnection,
      @Query('q') text: unknown,
      @Query('sort') sort: unknown,
    ): SseHandlerAnswer {
      return this.inspector.watch(viewer as Connection, {
        text: typeof text === 'string' ? text.trim().toLowerCase() : '',
        sort: SORTS.includes(sort as Sort) ? (sort as Sort) : 'age',
      });
    }

    @Sse('tail', STREAM) tail(@Query('channel') channel: unknown): SseHandlerAnswer {
      return this.inspector.tail(String(channel));
    }

    @Delete('connections/:id') @HttpCode(204) kick(@Param('id') id: string): void {
      if (!this.inspector.kick(id)) throw new NotFoundException('There is no such connection on this node.');
    }
  }
  if (guard !== false) UseGuards(guard)(InspectorController);
  return InspectorController;
}

function give(answer: Answer, type: string, body: string): void {
  answer
    .header('Content-Type', `${type}; charset=utf-8`)
    .header('Cache-Control', 'no-store')
    .header('Content-Security-Policy', POLICY)
    .header('X-Content-Type-Options', 'nosniff')
    .send(body);
}
