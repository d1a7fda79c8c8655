// SPDX-License-Identifier: MIT
// Run by each Node under test: a heap with every trait the rules know, and snapshots of it.
//
//   node make_snapshots.mjs FOLDER
//
// writes base.heapsnapshot; then, after the heap has changed, target.heapsnapshot,
// internals.heapsnapshot (with internals exposed: no user roots), track.heaptimeline. A worker takes
// them: code of the heap's own thread that handled the chunks would be tracked while they are
// written, and DevTools does not open such a file.
import {closeSync, openSync, writeSync} from 'node:fs';
import {Session} from 'node:inspector';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import vm from 'node:vm';
import {isMainThread, parentPort, Worker, workerData} from 'node:worker_threads';

// Two classes of one name, from two places; and one whose name is also DevTools' for closures.
const First = class Session {
  constructor(i) {
    this.i = i;
    this.data = new Array(4).fill(i);
  }
};
const Second = class Session {
  constructor(i) {
    this.late = {i};
  }
};
const Disguised = class Function {
  value = 1;
};
const odd = {['(array)']: class {}, ['<div id="x">']: class {}, ['naïve 😀']: class {}};

const kept = (globalThis.kept = {weak: new WeakMap(), list: [], map: new Map(), set: new Set()});

function plain(i) {
  switch (i % 6) {
  case 0: return {type: 'a', value: i};
  case 1: return {value: i, type: 'b'};
  case 2: return {type: 'c', value: i, 'needs, "quotes"': 1, extra: {}};
  case 3: return {['__proto__x']: 1, 'ключ': i, '\ud83d\ude00': 2, '{brace}': 3};
  case 4: return {aVeryLongPropertyNameIndeedNumberOne: 1, aVeryLongPropertyNameIndeedNumberTwo: 2,
                  aVeryLongPropertyNameIndeedNumberThree: 3, aVeryLongPropertyNameIndeedFour: 4};
  default: return {[`rare${i}`]: i};
  }
}

function grow(count, tag) {
  for (let i = 0; i < count; i++) {
    const key = {tag, i};
    kept.list.push(key, plain(i), new First(i), new Second(i), new Disguised());
    kept.weak.set(key, {held: `only by ${tag} ${i}`, bytes: new Uint8Array(64)});
    kept.map.set(`${tag}${i}`, () => kept.list[i]);
    kept.set.add(Symbol(`s${i}`));
  }
  kept[`${tag}-odd`] = Object.values(odd).map(Odd => new Odd());
  kept[`${tag}-text`] = ['lone \ud800', 'x'.repeat(5000), tag + '!'.repeat(40) + Math.random()];
  kept[`${tag}-rest`] = [
    /a(b)/g, 123456789012345678901234567890n, new Error(tag), Promise.resolve(tag),
    new ArrayBuffer(100000), new Date(0), vm.createContext({tag}), new Proxy({}, {}),
    (function* () { yield tag; })(), new WeakRef(kept.list[0]), new Intl.Collator('de'),
  ];
}

if (isMainThread) {
  grow(300, 'before');
  const taker = new Worker(fileURLToPath(import.meta.url), {workerData: process.argv[2]});
  taker.on('exit', code => process.exit(code));
  taker.on('message', () => {
    kept.list.splice(100, 500);
    kept.map.delete('before5');
    grow(200, 'after');
    taker.postMessage('grown');
  });
} else {
  await take(workerData);
}

async function take(folder) {
  const session = new Session();
  setInterval(() => {}, 1000); // a session alone does not keep a worker alive
  session.connectToMainThread();
  const post = (method, parameters = {}) => new Promise((resolve, reject) => {
    session.post(method, parameters, (error, result) => (error ? reject(error) : resolve(result)));
  });
  // Runs a command that sends a snapshot in chunks, into a file.
  const save = async (name, method, parameters) => {
    const file = openSync(join(folder, name), 'w', 0o600);
    const write = message => writeSync(file, message.params.chunk);
    session.on('HeapProfiler.addHeapSnapshotChunk', write);
    await post(method, parameters);
    session.off('HeapProfiler.addHeapSnapshotChunk', write);
    closeSync(file);
  };
  await post('HeapProfiler.enable');
  await save('base.heapsnapshot', 'HeapProfiler.takeHeapSnapshot');
  await post('HeapProfiler.startTrackingHeapObjects', {trackAllocations: true});
  const grown = new Promise(resolve => parentPort.once('message', resolve));
  parentPort.postMessage('grow');
  await grown;
  await save('track.heaptimeline', 'HeapProfiler.stopTrackingHeapObjects');
  await save('target.heapsnapshot', 'HeapProfiler.takeHeapSnapshot');
  await save('internals.heapsnapshot', 'HeapProfiler.takeHeapSnapshot', {exposeInternals: true});
  process.exit(0);
}
