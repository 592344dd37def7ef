import express from 'express';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { Sample } from '../samples/sample.js';
import { launchChromium } from '../support/chromium.js';
import { describeWith } from '../support/external.js';

describeWith('chromium', 'the documentation site', (path) => {
  let server: Server;
  let url: string;
  let browser: Browser;
  const demo = new Sample('demo', () => ({}));

  beforeAll(async () => {
    const { status, stdout, stderr } = spawnSync('npm', ['run', 'docs:build'], {
      encoding: 'utf8',
      // Jest's own flags are nothing for VitePress.
      env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'production' },
    });
    // A link that leads nowhere fails the build.
    if (status !== 0) throw new Error(stdout + stderr);
    const app = express().use(express.static('site/.vitepress/dist', { extensions: ['html'] }));
    server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await launchChromium(path);
    await demo.start();
  });
  afterAll(async () => {
    await demo.stop();
    await browser.close();
    server.close();
  });

  async function openPage(at: string): Promise<Page> {
    const page = await browser.newPage();
    page.setDefaultTimeout(60_000);
    const others: string[] = [];
    page.on('request', (request) => others.push(new URL(request.url()).hostname));
    await page.goto(url + at, { waitUntil: 'networkidle' });
    // No CDN, no fonts of another host, no counting of visitors.
    expect(others.filter((host) => host !== '127.0.0.1')).toEqual([]);
    return page;
  }

  it('shows a live stream of the demo on its front page, and says so if no demo is running', async () => {
    const page = await openPage('/');
    await page.fill('.live input', 'http://127.0.0.1:9');
    await page.click('.live button');
    await page.locator('.live', { hasText: 'No demo is running there' }).waitFor();
    await page.fill('.live input', demo.url);
    await page.click('.live button');
    await page.locator('.live pre', { hasText: 'event: update' }).waitFor();
    await page.click('.live button');
    await page.locator('.live[data-state=off]').waitFor();
  });

  it('has each page of docs/, with links that work, and finds words', async () => {
    const page = await openPage('/docs/GETTING-STARTED');
    expect(await page.locator('h1').textContent()).toContain('Getting started');
    await page.locator('main a', { hasText: 'SOURCES.md' }).click();
    await page.waitForURL('**/docs/SOURCES');
    await page.locator('button[aria-label="Search"]').click();
    await page.fill('#localsearch-input', 'writeTimeoutMs');
    await page.locator('#localsearch-list a').first().waitFor();
  });
});
