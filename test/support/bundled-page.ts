import { Controller, Get, Header, type Type } from '@nestjs/common';
import { build } from 'esbuild';

/**
 * A page at `/page` that runs a script, bundled with the packages that it imports, as the application of a user would be.
 *
 * @param entry the script, from the root of the repository
 */
export async function bundledPage(entry: string): Promise<Type> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
  });
  const script = outputFiles[0]!.text;

  @Controller()
  class BundledPage {
    @Get('page')
    @Header('Content-Type', 'text/html; charset=utf-8')
    page(): string {
      return '<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script src="/page.js"></script>';
    }

    @Get('page.js')
    @Header('Content-Type', 'text/javascript; charset=utf-8')
    script(): string {
      return script;
    }
  }
  return BundledPage;
}
