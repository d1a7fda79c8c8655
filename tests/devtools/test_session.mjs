// SPDX-License-Identifier: MIT
// A C session (`:serve` of `plim repl`) in a real Chromium: its console enters C, its heap opens.
//   node test_session.mjs PLIM PICTURES
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
  Browser, SERVER as PLIM, console_, memoryPanel, picture, selectFirst, shows, start, takeSnapshot,
} from './panel.mjs';

const SCRIPT = `#include <stdlib.h>
struct item { int price; struct item *next; };
struct item *cart = 0;
struct { int width, height; } corner = {3, 4};
for (int i = 1; i <= 4; i++) {
    struct item *n = malloc(sizeof *n);
    n->price = 10 * i;
    n->next = cart;
    cart = n;
}
void *untyped = malloc(100);
{ malloc(5000); }
int price_of(struct item *one) { return one->price; }
:budget time 2s
:serve 0
cart->price
`;
let child;
let browser;
let server;

before(async () => {
  let address;
  [child, address] = await start([PLIM, 'repl', '--color=never'], 'stdout',
    /^serving the session on ([\d.]+:\d+) until/m, SCRIPT);
  const list = await (await fetch(`http://${address}/json/list`)).json();
  assert.deepEqual(list.map((one) => one.title), ['C session']);
  server = { address, list };
  browser = await Browser.open(address);
});

after(async () => {
  await browser?.close();
  if (child === undefined) return;
  assert.equal(await child.end(), 0, child.said());
  // The session goes on where the script does, with what the console has entered.
  assert.match(child.said(), /^Out\[\d+\]: \(int\) 41$/m);
});

async function consoleOf() {
  const page = await browser.devtools(server);
  await page.getByRole('tab', { name: 'Console' }).first().click();
  return page;
}

// Lines of the console, as they stand there.
function lines(page, kind) {
  return page.locator(`.console-message${kind}`).allInnerTexts();
}

test('a snapshot has variables as owners, and a list\'s nodes are held by each other', async () => {
  const page = await browser.devtools(server);
  await memoryPanel(page);
  await takeSnapshot(page);
  await shows(page, /struct item × 4/);
  await shows(page, /\(no type\) × 2/);
  await page.getByRole('row').filter({ hasText: /^\s*struct item\s*×/ }).first().click();
  await page.keyboard.press('ArrowRight');
  await shows(page, /(struct item @ \d+ .*){4}/);
  // By retained size the head comes first: it holds the other three. The last is held by all.
  for (let row = 0; row < 4; row++) await page.keyboard.press('ArrowDown');
  const held = 'next in struct item @ \\d+ .*';
  const owner = '\\* in struct item \\* @ \\d+ .*cart in \\(GC roots\\)';
  await shows(page, new RegExp(`Retainers .*${held}${held}${held}${owner}`));
  await picture(page, 'session-retainers');
  await page.getByText(/^@\d+$/).first().hover();
  await shows(page, /price : \d0/);
  await page.close();
});

test('the console enters C and shows values, which open', async () => {
  const page = await consoleOf();
  await console_(page, 'cart->price + 2');
  await shows(page, /cart\s*->\s*price \+ 2 42/);
  await console_(page, 'corner');
  await shows(page, /corner \{\.width = 3, \.height = 4\}/);
  await page.getByText('{.width = 3, .height = 4}').last().click();
  await shows(page, /width : 3 height : 4|height : 4 width : 3/);
  await console_(page, 'cart');
  await shows(page, /cart 0x3\w+ → \{\.price = 40, \.next = 0x3\w+\}/);
  await page.getByText('{.price = 40').last().click();
  await shows(page, /next : 0x3\w+ price : 40/);
  await page.getByText(/^0x3\w+$/).last().click();
  await shows(page, /next : 0x3\w+ price : 30/);
  await console_(page, 'int twice(int n) {'); // the first line is not whole: Enter begins another
  await page.locator('#console-prompt .cm-line').nth(1).waitFor({ state: 'attached' });
  await page.keyboard.type('return 2 * n; }');
  await page.keyboard.press('Enter');
  await shows(page, /return 2 \* n ; \} undefined/);
  await console_(page, 'twice(cart->price)');
  await shows(page, /twice \( cart\s*->\s*price ?\) 80/);
  await picture(page, 'session-values');
  await page.close();
});

test('what is wrong has a caret, what crashes is explained, and memory is as it was', async () => {
  const page = await consoleOf();
  await console_(page, 'cart->cost');
  await shows(page, /no member named 'cost' in 'struct item'/);
  await console_(page, 'cart->price = 1; price_of(0)');
  await shows(page, /null pointer, followed in price_of\(\)/);
  const errors = await lines(page, '-error-level, .console-error-level');
  const shown = errors.join('\n');
  assert.match(shown, /\| cart->cost\n *\| ~~~~ {2}\^/);
  assert.match(shown, /at price_of in In\[\d+\]:1:46\n *int price_of[^\n]*\n {52,54}\^/);
  await console_(page, 'for (;;) cart->price++;');
  await shows(page, /deadline of 2 s passed at/);
  await console_(page, 'cart->price++; cart->price');
  await shows(page, /cart\s*->\s*price ?\+\+; cart\s*->\s*price 41/);
  await picture(page, 'session-errors');
  await page.close();
});

test('names of the session are offered while they are typed', async () => {
  const page = await consoleOf();
  await page.locator('.console-prompt, #console-prompt').first().click();
  await page.keyboard.type('price_');
  await shows(page, /price_ ?of/);
  await picture(page, 'session-names');
  await page.close();
});

test('DevTools found nothing that it could not take', async () => {
  const page = await browser.devtools(server);
  await memoryPanel(page);
  await takeSnapshot(page);
  const refused = /Request Network\.\w+ failed.*-32601|status of 404/;
  assert.deepEqual(page.complaints.filter((line) => !refused.test(line)), []);
  await page.close();
});
