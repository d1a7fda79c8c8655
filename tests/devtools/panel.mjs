// SPDX-License-Identifier: MIT
// A real Chromium with the DevTools in it, and a server that they open. What is asserted is what
// the page shows: its text, as a person would read it.
//
// Chromium gets a profile of its own, whose discovery knows the server's address alone; the page
// of DevTools comes from its debugging port, which is a page like any other and can be driven.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const [SERVER, PICTURES] = process.argv.slice(2, 4);
const ROOT = new URL('../..', import.meta.url).pathname;
export const RUNTIMES = process.env.PLIM_RUNTIMES ?? join(ROOT, '.runtimes');
// Chromium on a busy machine; nothing that works waits that long.
const PATIENCE_MS = Number(process.env.PLIM_PATIENCE_MS ?? 30000);

const { chromium } = createRequire(join(RUNTIMES, 'playwright/'))('playwright-core');

// Starts a program; resolves with it and with the line it begins with on a stream. What it is to
// read, if anything, is given as text.
export function start(words, stream, pattern, input) {
  const reads = input === undefined ? 'ignore' : 'pipe';
  const child = spawn(words[0], words.slice(1), { stdio: [reads, 'pipe', 'pipe'] });
  child.stdin?.end(input);
  let said = '';
  child.said = () => said;
  child.ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code));
  });
  child.end = async (signal = 'SIGINT') => {
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 10000);
    const result = await child.ended;
    clearTimeout(late);
    return result;
  };
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${words[0]} is silent: ${said}`)), PATIENCE_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${words[0]} ended with ${code}: ${said}`)));
    for (const name of ['stdout', 'stderr']) {
      child[name].on('data', (data) => {
        said += data;
        const found = name === stream && pattern.exec(said);
        if (!found) return;
        clearTimeout(late);
        resolve([child, found[1]]);
      });
    }
  });
}

// A server of heaps: its process, its address, and what it lists.
export async function serve(...words) {
  const [child, address] = await start([SERVER, ...words], 'stdout', /^([\d.]+:\d+)$/m);
  const list = await (await fetch(`http://${address}/json/list`)).json();
  return { child, address, list };
}

export class Browser {
  static async open(address) {
    const self = new Browser();
    self.folder = mkdtempSync(join(tmpdir(), 'plim-chromium-'));
    mkdirSync(join(self.folder, 'Default'));
    writeFileSync(join(self.folder, 'Default/Preferences'), JSON.stringify({
      devtools: { discover_tcp_targets: true, tcp_discovery_config: [address] },
    }));
    const port = ['--remote-debugging-port=0', '--remote-allow-origins=*'];
    // A name that leads to this machine, as a rebinding page's does.
    const rules = '--host-resolver-rules=MAP *.example 127.0.0.1';
    const quiet = [rules, '--no-first-run', '--disable-background-networking',
      '--disable-sync', '--disable-component-update', '--disable-gpu',
      '--disable-quic', '--no-sandbox', '--disable-dev-shm-usage', '--window-size=1300,850'];
    [self.child, self.origin] = await start(
      [process.env.PLIM_CHROMIUM ?? 'chromium', '--headless=new', `--user-data-dir=${self.folder}`,
        ...port, ...quiet, 'about:blank'],
      'stderr', /DevTools listening on ws:\/\/([^/]+)\//);
    self.driver = await chromium.connectOverCDP(`http://${self.origin}`);
    self.context = self.driver.contexts()[0];
    self.context.setDefaultTimeout(PATIENCE_MS);
    return self;
  }

  // A page at an address; what it complains of in its console is kept.
  async page(url) {
    const page = await this.context.newPage();
    page.complaints = [];
    page.on('console', (line) => {
      if (line.type() === 'error') page.complaints.push(line.text());
    });
    page.on('pageerror', (error) => page.complaints.push(String(error)));
    await page.setViewportSize({ width: 1300, height: 850 });
    await page.goto(url);
    return page;
  }

  // DevTools on one heap that a server lists.
  async devtools(server, number = 0) {
    const path = `${server.address}/${server.list[number].id}`;
    return this.page(`http://${this.origin}/devtools/js_app.html?ws=${path}`);
  }

  async close() {
    const session = await this.driver.newBrowserCDPSession();
    await session.send('Browser.close').catch(() => {}); // the connection ends with it
    await this.child.end('SIGTERM');
    for (let left = 20; left >= 0; left--) {
      try {
        rmSync(this.folder, { recursive: true, force: true });
        return;
      } catch (error) { // its helpers write to the end
        if (left === 0) throw error;
        await new Promise((resolve) => { setTimeout(resolve, 200); });
      }
    }
  }
}

export async function picture(page, name) {
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

// All the text a page shows, through its shadow roots.
export async function text(page) {
  return page.evaluate(() => {
    const parts = [];
    const walk = (node) => {
      if (node.nodeType === Node.TEXT_NODE) parts.push(node.textContent);
      if (['STYLE', 'SCRIPT'].includes(node.nodeName)) return;
      if (node.shadowRoot) walk(node.shadowRoot);
      if (node.nodeName === 'SLOT' && node.assignedNodes().length > 0) return;
      node.childNodes.forEach(walk);
    };
    walk(document.body);
    return parts.join(' ').replace(/\s+/g, ' ');
  });
}

// Waits until the page shows what the pattern wants; fails with what it shows instead.
export async function shows(page, pattern) {
  const end = Date.now() + PATIENCE_MS;
  let seen = '';
  while (Date.now() < end) {
    seen = await text(page);
    const found = pattern.exec(seen);
    if (found) return found;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  throw new Error(`the page does not show ${pattern}, but: ${seen}`);
}

export async function memoryPanel(page) {
  await page.getByRole('tab', { name: 'Memory' }).first().click();
  await shows(page, /Select JavaScript VM instance/i);
}

// One of the kinds of profile; the page remembers the last one.
export async function choose(page, kind) {
  await page.getByRole('radio', { name: kind }).first().click();
}

export async function takeSnapshot(page) {
  await choose(page, /Heap snapshot/i);
  await page.getByRole('button', { name: /^Take (heap )?snapshot$/i }).first().click();
  await shows(page, /Retained size/);
}

// Opens a class of the Summary and selects its first object; the Retainers then show its.
export async function selectFirst(page, name) {
  await page.getByRole('row')
    .filter({ hasText: new RegExp(`^\\s*${name}\\s*×`) }).first().click();
  await page.keyboard.press('ArrowRight');
  await shows(page, new RegExp(`${name}.*${name}[^@]* @ \\d+`));
  await page.keyboard.press('ArrowDown');
}

// Types a line into the console that is open.
export async function console_(page, line) {
  await page.locator('.console-prompt, #console-prompt').first().click();
  await page.keyboard.type(line);
  await page.keyboard.press('Enter');
}
