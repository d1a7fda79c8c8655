// SPDX-License-Identifier: MIT
// Two planted leaks, and churn around them.
//: leak {"name":"Tracker","kind":"growing collection","count":80,"holder":"trackers"}
//: leak {"name":"Function","kind":"listener","count":15,"holder":"_events","says":["\"tick\""]}
'use strict';
const { EventEmitter } = require('node:events');
class Tracker {
  constructor(id) { this.id = id; this.seen = { at: id }; }
}
const trackers = [];
const clock = new EventEmitter();
clock.setMaxListeners(0);
const lru = new Map();

function touch(key) {
  const value = lru.get(key) || { key, body: ['x', key] };
  lru.delete(key);
  lru.set(key, value);
  if (lru.size > 50) lru.delete(lru.keys().next().value);
}

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 80; i++) trackers.push(new Tracker(next++));
  for (let i = 0; i < 15; i++) clock.on('tick', function onTick() { return i; });
  for (let i = 0; i < 300; i++) touch('key' + (next * 31 + i * 7) % 1000);
  JSON.parse(JSON.stringify([...lru.values()]));
};
setInterval(() => {}, 1 << 30);
