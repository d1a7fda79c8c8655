// SPDX-License-Identifier: MIT
// Snapshot files that `plim serve` shows, in a real Chromium.
//   node test_file.mjs PLIM PICTURES
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import {
  Browser, memoryPanel, picture, selectFirst, serve, shows, takeSnapshot, text,
} from './panel.mjs';

const folder = mkdtempSync(join(tmpdir(), 'plim-devtools-'));
const file = join(folder, 'vaults.heapsnapshot');
let server;
let browser;

before(async () => {
  const maker = new URL('../heap/make_snapshot.js', import.meta.url).pathname;
  execFileSync(process.execPath, [maker, file]);
  server = await serve('serve', '--plain', '--port', '0', file);
  browser = await Browser.open(server.address);
});

after(async () => {
  await browser?.close();
  const code = await server?.child.end();
  rmSync(folder, { recursive: true });
  assert.equal(code, 0, server?.child.said());
});

test('chrome://inspect lists the file with no more than its address configured', async () => {
  const page = await browser.page('chrome://inspect/#devices');
  await shows(page, new RegExp(file.replaceAll('.', '\\.')));
  const seen = await text(page);
  assert.match(seen, new RegExp(server.address.replaceAll('.', '\\.')));
  assert.match(seen, /inspect/);
  await picture(page, 'file-listed');
  await page.close();
});

test('its snapshot shows classes, sizes and retainers', async () => {
  const page = await browser.devtools(server);
  await memoryPanel(page);
  await shows(page, /\d+(\.\d)? MB/); // how much is in it, beside its name
  await picture(page, 'file-memory');
  await takeSnapshot(page);
  const [, count] = await shows(page, /Vault × (\d+)/);
  assert.equal(count, '28'); // make_snapshot.js: 25, and one each in an object, a map, a weak map
  await picture(page, 'file-classes');
  await selectFirst(page, 'Vault');
  await shows(page, /Retainers .*\[\d+\] in Array @ \d+.* vaults in .*keptForSnapshot in/);
  await picture(page, 'file-retainers');
  await page.close();
});

// What a page finds out: the status and text of each request, or what the browser refuses.
function ask(page, address, path) {
  return page.evaluate(async ([where, id]) => {
    const found = {};
    for (const mode of ['cors', 'no-cors']) {
      for (const name of ['/json/list', '/json/version', `/${id}`]) {
        try {
          const answer = await fetch(`http://${where}${name}`, { mode });
          found[`${mode} ${name}`] = `${answer.status} ${await answer.text()}`;
        } catch (error) {
          found[`${mode} ${name}`] = String(error);
        }
      }
    }
    found.socket = await new Promise((resolve) => {
      const socket = new WebSocket(`ws://${where}/${id}`);
      socket.onopen = () => resolve('open');
      socket.onerror = () => resolve('refused');
    });
    return found;
  }, [address, path]);
}

test('a page of another site gets nothing, even if it knew the path', async () => {
  const site = createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html');
    answer.end('<title>another site</title>');
  });
  await new Promise((resolve) => { site.listen(0, '127.0.0.1', resolve); });
  const page = await browser.page(`http://evil.example:${site.address().port}/`);
  assert.equal(await page.title(), 'another site');
  const found = await ask(page, server.address, server.list[0].id);
  for (const [what, answer] of Object.entries(found)) {
    if (what.startsWith('no-cors')) assert.equal(answer, '0 ', what); // opaque: nothing to read
    else if (what === 'socket') assert.equal(answer, 'refused');
    else assert.match(answer, /^TypeError: Failed to fetch/, what);
  }
  await page.close();
  site.closeAllConnections();
  site.close();
});

test('a name that was turned to this machine is not let in', async () => {
  const port = server.address.split(':')[1];
  const page = await browser.page(`http://evil.example:${port}/json/list`);
  await shows(page, /Host is not this machine's loopback/);
  const found = await ask(page, `evil.example:${port}`, server.list[0].id);
  for (const [what, answer] of Object.entries(found)) {
    if (what === 'socket') assert.equal(answer, 'refused');
    else assert.match(answer, /^403 Host is not/, what);
  }
  await page.close();
});
