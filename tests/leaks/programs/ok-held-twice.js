// SPDX-License-Identifier: MIT
// Healthy: a bounded cache whose entries are held from two sides, so that neither side alone keeps them.
'use strict';
class Entry {
  constructor(key) { this.key = key; this.about = { key }; }
}
const byKey = new Map();
const byAge = [];
let next = 0;

function add() {
  const entry = new Entry('k' + next++);
  byKey.set(entry.key, entry);
  byAge.push(entry);
  if (byAge.length > 60) byKey.delete(byAge.shift().key);
}
for (let i = 0; i < 80; i++) add();
globalThis.act = () => { for (let i = 0; i < 25; i++) add(); };
setInterval(() => {}, 1 << 30);
