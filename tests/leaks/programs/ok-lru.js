// SPDX-License-Identifier: MIT
// Healthy: a cache at its capacity, where every round throws out what the last one brought.
'use strict';
class Entry {
  constructor(key) { this.key = key; this.body = { lines: ['line', key], at: key.length * 1.5 }; }
}
class Lru {
  constructor(capacity) { this.capacity = capacity; this.map = new Map(); }
  get(key) {
    const entry = this.map.get(key) || new Entry(key);
    this.map.delete(key);
    this.map.set(key, entry);
    if (this.map.size > this.capacity) this.map.delete(this.map.keys().next().value);
    return entry;
  }
}
const lru = new Lru(100);
for (let i = 0; i < 150; i++) lru.get('warm' + i);

let next = 0;
globalThis.act = () => { for (let i = 0; i < 60; i++) lru.get('key' + next++); };
setInterval(() => {}, 1 << 30);
