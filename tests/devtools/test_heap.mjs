// SPDX-License-Identifier: MIT
// A heap that gives all that a heap may give (served.c), in a real Chromium.
//   node test_heap.mjs SERVED PICTURES SOURCE
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import {
  Browser, choose, console_, memoryPanel, picture, selectFirst, serve, shows, takeSnapshot,
} from './panel.mjs';

const source = process.argv[4];
const name = source.split('/').at(-1);
const lines = readFileSync(source, 'utf8').split('\n');
const opened = lines.indexOf('static void open_session(void)') + 1;
let server;
let browser;

before(async () => {
  server = await serve(source);
  browser = await Browser.open(server.address);
});

after(async () => {
  await browser?.close();
  assert.equal(await server?.child.end(), 0, server?.child.said());
});

async function panel() {
  const page = await browser.devtools(server);
  await memoryPanel(page);
  return page;
}

test('a snapshot shows C types, and who holds an object down to the global', async () => {
  const page = await panel();
  await takeSnapshot(page);
  await shows(page, /session × \d+/);
  await shows(page, /buffer × \d+/);
  await selectFirst(page, 'session');
  await shows(page, /Retainers .*\[0\] in session_table @ 7 .* g_sessions in \(globals\) @ 5/);
  await picture(page, 'heap-retainers');
  await page.close();
});

test('hovering over an object shows the fields of the struct', async () => {
  const page = await panel();
  await takeSnapshot(page);
  await selectFirst(page, 'session');
  await page.getByText('@9', { exact: true }).first().hover();
  const [, fields] = await shows(page, /(huge : .* user : \S+ \S+)/);
  assert.equal(fields, 'huge : 18446744073709551615 inbox : buffer is_open : true next : null '
    + 'number : 1000 user : "grüß \ufffd"');
  await picture(page, 'heap-fields');
  await page.close();
});

test('sampling names functions and lines; a click on one opens the C source there', async () => {
  const page = await panel();
  await choose(page, /Allocation sampling/i);
  await page.getByRole('button', { name: /^Start/i }).first().click();
  await shows(page, /Recording/i);
  await page.getByRole('button', { name: /^Stop/i }).first().click();
  await shows(page, new RegExp(`make_buffer.*${name}:\\d+`));
  await shows(page, new RegExp(`open_session.*${name}:${opened}`));
  await picture(page, 'heap-sampling');
  await page.getByText(`${name}:${opened}`).first().click();
  await shows(page, /static void open_session ?\( ?void ?\)/);
  const marked = page.locator('.cm-highlightedLine, .cm-execution-line').first();
  assert.match(await marked.textContent(), /static void open_session/);
  await picture(page, 'heap-source');
  await page.close();
});

test('a timeline shows what was born when, and where it was made', async () => {
  const page = await panel();
  await choose(page, /Allocations? on timeline/i);
  await page.getByText(/Allocation stack traces/i).first().click();
  await page.getByRole('button', { name: /^Start/i }).first().click();
  await shows(page, /Recording/i);
  await page.waitForTimeout(1000);
  await picture(page, 'heap-recording');
  await page.getByRole('button', { name: /^Stop/i }).first().click();
  const [, sessions] = await shows(page, /session × (\d+)/);
  assert.ok(Number(sessions) > 40, sessions);
  await picture(page, 'heap-timeline');
  await selectFirst(page, 'session');
  await page.getByRole('tab', { name: /Allocation stack/i }).first().click();
  await shows(page, new RegExp(`open_session ?.*${name}:${opened}`));
  await picture(page, 'heap-stack');
  await page.close();
});

test('Collect garbage says how many bytes came back, and the console evaluates', async () => {
  const page = await panel();
  await page.getByRole('button', { name: /Collect garbage/i }).first().click();
  await page.getByRole('tab', { name: 'Console' }).first().click();
  await shows(page, /collected: 4096 bytes given back/);
  await console_(page, 'session_count');
  await shows(page, /session_count \D*\d{2,}/);
  await console_(page, 'sessions[0]');
  await shows(page, /sessions \[ 0 \] session/);
  await page.getByText('session', { exact: true }).last().click();
  await shows(page, /number : 1000 user : "grüß \ufffd"/);
  await console_(page, 'unknown + 1');
  await shows(page, /'unknown \+ 1' is not declared here/);
  await picture(page, 'heap-console');
  await page.close();
});

test('DevTools found nothing that it could not take', async () => {
  const page = await panel();
  await takeSnapshot(page);
  // A heap has no network, and a page that is told otherwise breaks.
  const refused = /Request Network\.\w+ failed.*-32601/;
  assert.deepEqual(page.complaints.filter((line) => !refused.test(line)), []);
  await page.close();
});
