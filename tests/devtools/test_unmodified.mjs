// SPDX-License-Identifier: MIT
// A program that knows nothing of us, Debian's redis-server under libplimsoll-malloc.so, in a real
// Chromium: what its blocks are called, who holds them, and what stands in them.
//   node test_unmodified.mjs PLIM PICTURES LIBRARY
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import {
  Browser, SERVER, memoryPanel, picture, selectFirst, shows, start, takeSnapshot,
} from './panel.mjs';

const library = process.argv[4];
const folder = mkdtempSync(join(tmpdir(), 'plim-redis-'));
const running = [];
let browser;

after(async () => {
  await browser?.close();
  for (const child of running.reverse()) assert.equal(await child.end(), 0, child.said());
  rmSync(folder, { recursive: true, force: true });
});

async function begin(words, pattern) {
  const [child, said] = await start(words, 'stdout', pattern);
  running.push(child);
  return [child, said];
}

test('hovering over a block of redis-server shows its words, and where they lead', async () => {
  const [redis] = await begin(
    ['env', `LD_PRELOAD=${library}`, 'PLIM_SITES=8', `HOME=${folder}`, 'redis-server', '--port',
      '0', '--dir', folder, '--unixsocket', join(folder, 's'), '--save', '', '--appendonly', 'no'],
    /(eady to accept connections|open for business)/);
  const [, address] = await begin([SERVER, 'serve', '--plain', '--port', '0', `pid:${redis.pid}`],
    /^([\d.]+:\d+)$/m);
  const list = await (await fetch(`http://${address}/json/list`)).json();
  browser = await Browser.open(address);
  const page = await browser.devtools({ address, list });
  await memoryPanel(page);
  await shows(page, /Select JavaScript VM instance [\d.]+ [kM]B Main/); // polled, as the program is
  await takeSnapshot(page);
  // A dict of redis is its type, two tables, their counts: all that can be known is words, of
  // which one that lies in a block is that block.
  await selectFirst(page, 'dictCreate \\(redis-[a-z-]+\\)');
  await shows(page, /Retainers .* \+0x[\da-f]+ in variables of redis-\S+ @ \d+ .* in \(GC roots\)/);
  await page.getByText(/^@\d+$/).first().hover();
  await shows(page, /\+0 : 0x[\da-f]{8,} \+8 : _dictExpand \(redis-[a-z-]+\) \+16 : 0x0 /);
  await picture(page, 'unmodified-words');
});
