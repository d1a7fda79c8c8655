// SPDX-License-Identifier: MIT
// Writes a heap snapshot of a small program with every kind of value, some in known numbers.
//   node make_snapshot.js OUT
'use strict';

const v8 = require('v8');

class Vault { constructor(i) { this.number = i; this.label = `vault-${i}-größe`; } }
class Outer { constructor() { this.inner = new Vault(-1); } }

function keeper(treasure) {
  return function keptClosure() { return treasure; };
}

const kept = {
  vaults: Array.from({ length: 25 }, (_, i) => new Vault(i)),
  outer: new Outer(),
  closures: Array.from({ length: 7 }, (_, i) => keeper({ i })),
  map: new Map([['key', new Vault(100)], [Symbol('symbolic key'), 1]]),
  set: new Set(['a', 'b']),
  weakMap: new WeakMap(),
  typed: [new Uint8Array(1000), new Float64Array(100), new BigInt64Array(8)],
  buffer: Buffer.alloc(100000),
  big: 2n ** 200n,
  symbol: Symbol('lonely'),
  unicode: ['grüße', '数据', 'emoji 😀 pair', 'lone \ud83d high', 'lone \ude00 low', '\u0000nul'],
  escapes: 'quote " backslash \\ slash / newline \n return \r tab \t bell \u0007 delete \u007f',
  long: 'x'.repeat(5000),
  pattern: /a+b*/giu,
  date: new Date(0),
  error: new Error('kept'),
  generator: (function* steps() { yield 1; })(),
  promise: Promise.resolve(1),
  proxy: new Proxy({}, {}),
  sparse: Object.assign([], { 4000000: 1 }),
};
kept.weakMap.set(kept.vaults[0], new Vault(200));
kept.unicode.push(kept.unicode.join('-'), 'sliced'.repeat(40).slice(3, 100));
globalThis.keptForSnapshot = kept;

v8.writeHeapSnapshot(process.argv[2]);
