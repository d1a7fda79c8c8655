// SPDX-License-Identifier: MIT
// Pages that `plim export … -o NAME.html` writes, in a real Chromium: a profile's and a snapshot's.
//   node test_page.mjs PLIM PICTURES
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { Browser, SERVER as PLIM, memoryPanel, picture, serve, shows } from './panel.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plim-page-'));
const HOSTILE = '</script><img src=x onerror="document.title=\'owned\'">';
let browser;

// main: load 600 (parse 400, read 200, of which 100 in a name that attacks), serve 400.
function call(functionName, file, selfSize, children = []) {
  return { callFrame: { functionName, scriptId: '1', url: file, lineNumber: 4, columnNumber: 0 },
    selfSize, id: call.next++, children };
}
call.next = 1;
const MIB = 1048576;
const PROFILE = { head: call('(root)', '', 0, [
  call('main', '/srv/app.js', 0, [
    call('load', '/srv/load.js', 0, [
      call('parse', '/srv/parse.js', 400 * MIB),
      call('read', '/srv/read.js', 100 * MIB, [call(HOSTILE, '/srv/read.js', 100 * MIB)]),
    ]),
    call('serve', '/srv/app.js', 400 * MIB),
  ])]), samples: [] };

async function open(name) {
  const page = await browser.page('about:blank');
  page.asked = [];
  page.on('request', (request) => page.asked.push(request.url()));
  await page.goto(pathToFileURL(join(folder, name)).href);
  return page;
}

// What boxes there are: name -> [left, width], by the first of that name.
function boxes(page) {
  return page.evaluate(() => Object.fromEntries([...document.querySelectorAll('.box')].reverse()
    .map((box) => [box.dataset.name, [box.offsetLeft, box.offsetWidth, box.className]])));
}

before(async () => {
  writeFileSync(join(folder, 'a.heapprofile'), JSON.stringify(PROFILE));
  const maker = new URL('../heap/make_snapshot.js', import.meta.url).pathname;
  execFileSync(process.execPath, [maker, join(folder, 'vaults.heapsnapshot')]);
  for (const [from, to] of [['a.heapprofile', 'a.html'], ['vaults.heapsnapshot', 'vaults.html']]) {
    execFileSync(PLIM, ['export', join(folder, from), '-o', join(folder, to)]);
  }
  execFileSync(PLIM, ['export', join(folder, 'a.heapprofile'), '--format', 'heapprofile', '-o',
    join(folder, 'again.heapprofile')]);
  browser = await Browser.open('127.0.0.1:1');
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

test('a flame graph has boxes as wide as their share, and asks for nothing', async () => {
  const page = await open('a.html');
  assert.equal(await page.title(), 'a.heapprofile – plim');
  const seen = await boxes(page);
  const whole = seen.all[1];
  const near = (name, share) => assert.ok(Math.abs(seen[name][1] - whole * share) <= 2,
    `${name}: ${seen[name][1]} of ${whole}`);
  near('main', 1);
  near('load', 0.6);
  near('parse', 0.4);
  near('serve', 0.4);
  near('read', 0.2);
  near(HOSTILE, 0.1);
  assert.ok(seen.serve[0] >= seen.load[0] + seen.load[1] - 2); // beside, not over one another
  assert.equal(await page.locator('img').count(), 0);
  await shows(page, /1000\.0 MiB alive/);
  await picture(page, 'page-flame');
  assert.deepEqual(page.asked.filter((url) => !url.startsWith('file:')), []);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('a click zooms, the way back is above, Esc shows the whole', async () => {
  const page = await open('a.html');
  const whole = (await boxes(page)).all[1];
  await page.locator('.box[data-name=read]').click();
  let seen = await boxes(page);
  assert.equal(seen.read[1], whole);
  assert.equal(seen.serve, undefined);
  assert.match(seen.main[2], /above/);
  assert.ok(Math.abs(seen[HOSTILE][1] - whole / 2) <= 2);
  assert.match(await page.locator('#way').textContent(), /all › main › load › read.*20\.0 %/);
  await picture(page, 'page-zoomed');
  await page.locator('#way a', { hasText: 'load' }).click();
  seen = await boxes(page);
  assert.equal(seen.load[1], whole);
  await page.keyboard.press('Escape');
  seen = await boxes(page);
  assert.equal(seen.all[1], whole);
  assert.ok(Math.abs(seen.serve[1] - whole * 0.4) <= 2);
  await page.close();
});

test('search marks what it finds and says how much that is', async () => {
  const page = await open('a.html');
  await page.keyboard.press('/');
  await page.keyboard.type('READ');
  const seen = await boxes(page);
  assert.match(seen.read[2], /hit/);
  assert.match(seen[HOSTILE][2], /hit/); // by its file
  assert.doesNotMatch(seen.parse[2], /hit/);
  assert.match(await page.locator('#found').textContent(), /2 found: 200\.0 MiB, 20\.0 %/);
  await picture(page, 'page-search');
  await page.locator('#find').fill('nowhere');
  assert.match(await page.locator('#found').textContent(), /nothing found/);
  await page.close();
});

test('a tooltip has the name, the place and the sizes', async () => {
  const page = await open('a.html');
  await page.locator('.box[data-name=read]').hover();
  const tip = page.locator('#tip');
  await tip.waitFor({ state: 'visible' });
  assert.equal(await tip.textContent(),
    'read/srv/read.js:5:1200.0 MiB in all, 20.0 %; 100.0 MiB of its own');
  await page.close();
});

test('the treemap has functions by file, in areas of their sizes', async () => {
  const page = await open('a.html');
  await page.locator('#tree').selectOption({ label: 'Functions: bytes alive' });
  const area = (name) => page.locator(`.box[data-name="${name}"]`).last()
    .evaluate((box) => box.offsetWidth * box.offsetHeight);
  const parse = await area('/srv/parse.js');
  const read = await area('/srv/read.js');
  assert.ok(parse / read > 1.8 && parse / read < 2.2, `${parse} and ${read}`);
  await picture(page, 'page-treemap');
  await page.locator('#flame').click();
  assert.ok((await boxes(page)).all[1] > 1000);
  await page.close();
});

test('a snapshot has its dominators and its classes', async () => {
  const page = await open('vaults.html');
  await shows(page, /MiB in \d+ objects/);
  await page.locator('#find').fill('Vault');
  assert.match(await page.locator('#found').textContent(), /\d+ found: /);
  await picture(page, 'page-dominators');
  await page.locator('#tree').selectOption({ label: 'Classes by the size of their objects' });
  assert.match(await page.locator('#found').textContent(), /\d+ found: /);
  await page.locator('#find').fill('');
  await picture(page, 'page-classes');
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('Chrome DevTools opens the .heapprofile with its note of Plimsoll', async () => {
  const vaults = join(folder, 'vaults.heapsnapshot');
  const server = await serve('serve', '--plain', '--port', '0', vaults);
  try {
    const page = await browser.devtools(server);
    await memoryPanel(page);
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      page.getByRole('button', { name: /Load profile/ }).first().click(),
    ]);
    await chooser.setFiles(join(folder, 'again.heapprofile'));
    await shows(page, /again.*\(Loaded\)/);
    await page.getByText('again', { exact: true }).first().click();
    await shows(page, /parse.*read|read.*parse/);
    await picture(page, 'page-heapprofile-in-devtools');
    await page.close();
  } finally {
    await server.child.end();
  }
});
