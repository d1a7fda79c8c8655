// SPDX-License-Identifier: MIT
// A C program with a region, seen from outside (`plim serve pid:N`) and from inside (plim_serve()),
// in a real Chromium.
//   node test_program.mjs PLIM PICTURES SHOP SOURCE
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';

import {
  Browser, SERVER, choose, console_, memoryPanel, picture, selectFirst, shows, start, takeSnapshot,
} from './panel.mjs';

const [shop, source] = process.argv.slice(4, 6);
const name = source.split('/').at(-1);
const lines = readFileSync(source, 'utf8').split('\n');
const opened = lines.indexOf('static void open_cart(void)') + 1;
const running = [];
let browser;

after(async () => {
  await browser?.close();
  for (const child of running.reverse()) assert.equal(await child.end(), 0, child.said());
});

async function begin(...words) {
  const [child, said] = await start(words, 'stdout', /^([\d.]+:\d+|ready)$/m);
  running.push(child);
  return [child, said];
}

async function served(address) {
  const list = await (await fetch(`http://${address}/json/list`)).json();
  assert.equal(list.length, 1);
  assert.equal(list[0].title, 'shop');
  browser ??= await Browser.open(address);
  const page = await browser.devtools({ address, list });
  await memoryPanel(page);
  await shows(page, /Select JavaScript VM instance [\d.]+ [kM]B Main/);
  return page;
}

// What works whoever serves it.
async function look(page, kind) {
  await takeSnapshot(page);
  await selectFirst(page, 'cart');
  await shows(page, /Retainers .* in owner 7 @ \d+ .* in \(GC roots\)/);
  await page.getByText(/^@\d+$/).first().hover();
  await shows(page, /discount : -5 first_line : cart_line is_paid : true total : 12\.5 user :/);
  await picture(page, `${kind}-fields`);
  await page.keyboard.press('Escape');

  await page.getByRole('treeitem', { name: 'Profiles' }).first().click();
  await choose(page, /Allocation sampling/i);
  await page.getByRole('button', { name: /^Start/i }).first().click();
  await shows(page, /Recording/i);
  await page.waitForTimeout(300);
  await page.getByRole('button', { name: /^Stop/i }).first().click();
  await shows(page, new RegExp(`add_line.*${name}:\\d+`));
  await shows(page, new RegExp(`open_cart.*${name}:${opened}`));
  await picture(page, `${kind}-sampling`);

  await page.getByRole('treeitem', { name: 'Profiles' }).first().click();
  await choose(page, /Allocations? on timeline/i);
  await page.getByRole('checkbox', { name: /Allocation stack traces/i }).first().check();
  await page.getByRole('button', { name: /^Start/i }).first().click();
  await shows(page, /Recording/i);
  await page.waitForTimeout(700);
  await page.getByRole('button', { name: /^Stop/i }).first().click();
  await shows(page, /cart_line × \d+/);
  await selectFirst(page, 'cart');
  await page.getByRole('tab', { name: /Allocation stack/i }).first().click();
  await shows(page, new RegExp(`open_cart ?.*${name}:${opened}`));
  await picture(page, `${kind}-timeline`);

  await page.getByText(`${name}:${opened}`).last().click();
  const marked = page.locator('.cm-highlightedLine, .cm-execution-line').first();
  assert.match(await marked.textContent(), /static void open_cart/);
  await picture(page, `${kind}-source`);
}

test('from outside: snapshot, owners, fields, sampling, timeline and source', async () => {
  const [child] = await begin(shop, 'alone');
  const [, address] = await begin(SERVER, 'serve', '--plain', '--port', '0', `pid:${child.pid}`);
  const page = await served(address);
  await look(page, 'outside');
  await page.getByRole('tab', { name: 'Console' }).first().click();
  await console_(page, '6 * 7');
  await shows(page, /there is no interpreter behind it/);
  await page.close();
});

test('from inside by one call: the same, and collecting and expressions', async () => {
  const [, address] = await begin(shop, 'serve');
  const page = await served(address);
  await look(page, 'inside');
  await page.getByRole('tab', { name: 'Memory' }).first().click();
  await page.getByRole('button', { name: /Collect garbage/i }).first().click();
  await page.getByRole('tab', { name: 'Console' }).first().click();
  await shows(page, /collected: \d+ bytes given back/);
  await console_(page, '6 * 7');
  await shows(page, /6 \* 7 42/);
  await console_(page, 'soap');
  await shows(page, /this shop sells no soap/);
  await picture(page, 'inside-console');
  await page.close();
});
