// SPDX-License-Identifier: MIT
// Writes a heap snapshot of a heap with a rich mix of objects, of about a wanted size.
//   node bench/make_heap.js OUT MEGABYTES
// The heap is built of "cells": each holds some of every kind of object that real programs have, in
// the proportions of a server with caches. Deterministic: no clock, no random source but its own.
'use strict';

const v8 = require('v8');
const fs = require('fs');
const { EventEmitter } = require('events');

const [out, megabytesText] = process.argv.slice(2);
const megabytes = Number(megabytesText);
if (!out || !(megabytes > 0)) {
  console.error('usage: node make_heap.js OUT MEGABYTES');
  process.exit(2);
}

let seed = 20240229;
function random(limit) {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 4294967296) * limit);
}

const WORDS = ('lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor ' +
  'grüße данные 数据 😀 naïve "quoted" back\\slash tab\there line\nbreak').split(' ');
const word = () => WORDS[random(WORDS.length)];
function sentence(length) {
  const parts = [];
  for (let i = 0; i < length; i++) parts.push(word());
  return parts.join(' ');
}

class Point { constructor(x, y) { this.x = x; this.y = y; } }
class Shape { constructor(name) { this.name = name; this.points = []; } area() { return 0; } }
class Polygon extends Shape {
  #secret = { note: 'private' };
  constructor(name, n) {
    super(name);
    for (let i = 0; i < n; i++) this.points.push(new Point(i + 0.5, random(1000) / 3));
  }
  get secret() { return this.#secret; }
}
class TreeNode {
  constructor(depth) {
    this.value = random(1 << 20);
    this.left = depth > 0 ? new TreeNode(depth - 1) : null;
    this.right = depth > 0 ? new TreeNode(depth - 1) : null;
  }
}
class Session extends EventEmitter {
  constructor(id) {
    super();
    this.id = id;
    this.user = { id, name: `user-${id}`, email: `${id}@example.org`, roles: ['reader', 'writer'] };
    this.on('message', (text) => { this.last = text; });
    this.once('close', () => { this.closed = true; });
  }
}

const shared = { weak: new WeakMap(), set: new WeakSet(), registry: new Map(), refs: [] };
shared.finalizers = new FinalizationRegistry(() => {});

function makeClosures(id) {
  const big = new Array(8).fill(id);
  const counter = { hits: 0 };
  return [() => big.length, (n) => { counter.hits += n; return counter; },
    function named() { return id; }, async () => counter, function* steps() { yield big; }];
}

function makeList(length) {
  let head = null;
  for (let i = 0; i < length; i++) head = { next: head, payload: i * 1.5 };
  return head;
}

function makeRecords(count) {
  const rows = [];
  for (let i = 0; i < count; i++) {
    rows.push({ key: `row-${random(1 << 30)}`, price: random(10000) / 7, tags: [word(), word()],
      nested: { created: new Date(random(1e9)), flags: { active: i % 2 === 0, hidden: false } } });
  }
  return rows;
}

function makeBinary() {
  const buffer = new ArrayBuffer(64 + random(4000));
  return { bytes: new Uint8Array(buffer), doubles: new Float64Array(16), view: new DataView(buffer),
    node: Buffer.alloc(6000 + random(3000)), pooled: Buffer.from(sentence(3)) };
}

function makeOdd(id) {
  const dictionary = {};
  for (let i = 0; i < 12; i++) dictionary[`k${random(1 << 28)}`] = i;
  delete dictionary.k0;
  const sparse = []; sparse[5000] = id;
  return { dictionary, sparse, symbol: Symbol(`mark-${id}`), big: 2n ** 80n + BigInt(id),
    pattern: new RegExp(`^${id}[a-z]+$`, 'iu'), proxy: new Proxy({ id }, {}),
    cons: 'prefix-' + id + '-' + sentence(4), slice: sentence(20).slice(5, 60),
    error: id % 16 === 0 ? new Error('kept ' + id) : null, bound: makeOdd.bind(null, id),
    date: new Date(id), set: new Set([id, 'a', shared]), generator: (function* () { yield id; })() };
}

function makeCell(id) {
  const key = { cell: id };
  const cell = { id, key, shape: new Polygon(`polygon ${id}`, 5), tree: new TreeNode(4),
    session: new Session(id), closures: makeClosures(id), list: makeList(24),
    records: makeRecords(12), map: new Map(), binary: makeBinary(), odd: makeOdd(id),
    numbers: Array.from({ length: 40 }, (_, i) => i * id), text: sentence(12) };
  for (let i = 0; i < 16; i++) cell.map.set(`entry-${id}-${i}`, { at: i, from: key });
  cell.pending = new Promise((resolve) => { cell.resolve = resolve; }).then(() => cell);
  shared.weak.set(key, { for: key, data: makeRecords(1) });
  shared.set.add(cell);
  shared.registry.set(key, cell);
  shared.refs.push(new WeakRef(cell));
  shared.finalizers.register(cell, id);
  return cell;
}

// What a cell and an empty Node add to a snapshot, seen on Node 20; other versions differ a little.
const BASE_MEGABYTES = 4.0;
const CELLS_PER_MEGABYTE = 35.5;
const cells = [];
const count = Math.max(1, Math.round((megabytes - BASE_MEGABYTES) * CELLS_PER_MEGABYTE));
for (let i = 0; i < count; i++) cells.push(makeCell(i));
globalThis.benchHeap = { cells, shared };

const written = v8.writeHeapSnapshot(out);
fs.chmodSync(written, 0o600);
console.log(`${written}: ${count} cells, ${(fs.statSync(written).size / 1e6).toFixed(1)} MB`);
