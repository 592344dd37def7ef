import 'reflect-metadata';
import { PGlite } from '@electric-sql/pglite';
import { Controller, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Sse, SseModule } from 'nestjs-event-stream';

interface Reading {
  id: number;
  celsius: number;
}

// Postgres in this process, in memory.
const db = await PGlite.create();
await db.exec(`CREATE TABLE readings AS SELECT id, round((20 + 5 * sin(id))::numeric, 1)::float AS celsius
               FROM generate_series(1, 100000) AS id; CREATE UNIQUE INDEX ON readings (id)`);

@Controller()
class ReadingsController {
  private readonly logger = new Logger('Readings');

  /** Row by row: a page is read when the client has taken the one before. `as: 'data'`: a row has an id of its own. */
  @Sse('readings', { as: 'data', done: '[DONE]' })
  async *readings(): AsyncIterable<Reading> {
    let last = 0;
    try {
      for (let page = await this.after(0); page.length > 0; page = await this.after(last)) {
        for (const row of page) {
          yield row;
          last = row.id;
        }
      }
    } finally {
      this.logger.log(`read up to row ${last}`);
    }
  }

  /** By key, not by OFFSET or a cursor: no transaction is open while the client is slow. */
  private async after(id: number): Promise<Reading[]> {
    return (await db.query<Reading>('SELECT * FROM readings WHERE id > $1 ORDER BY id LIMIT 100', [id])).rows;
  }
}

@Module({ imports: [SseModule.forRoot()], controllers: [ReadingsController] })
class DatabaseModule {}

const app = await NestFactory.create(DatabaseModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
