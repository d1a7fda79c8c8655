// SPDX-License-Identifier: MIT
// Writes a heap snapshot of a small program with every kind of value, some in known numbers.
//   node make_snapshot.js OUT             a .heapsnapshot
//   node make_snapshot.js OUT timeline    a .heaptimeline, with the stacks of allocations
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

function descend(depth) {
  return depth === 0 ? new Vault(depth) : [descend(depth - 1)];
}

async function writeTimeline(path) {
  const fs = require('fs');
  const { Session } = require('inspector');
  const session = new Session();
  session.connect();
  const out = fs.openSync(path, 'w', 0o600);
  session.on('HeapProfiler.addHeapSnapshotChunk', (m) => fs.writeSync(out, m.params.chunk));
  const post = (method, params) => new Promise((resolve, reject) => {
    session.post(method, params, (error, result) => (error ? reject(error) : resolve(result)));
  });
  await post('HeapProfiler.startTrackingHeapObjects', { trackAllocations: true });
  kept.tracked = [];
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 50; i++) kept.tracked.push(descend(i));
    await new Promise((resolve) => { setTimeout(resolve, 60); });
  }
  await post('HeapProfiler.stopTrackingHeapObjects', { reportProgress: false });
  session.disconnect();
  fs.closeSync(out);
}

if (process.argv[3] === 'timeline') writeTimeline(process.argv[2]);
else v8.writeHeapSnapshot(process.argv[2]);
