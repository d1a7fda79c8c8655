// SPDX-License-Identifier: MIT
// Healthy: weak caches; nothing but the round itself holds what is in them.
'use strict';
const meta = new WeakMap();
const refs = new Map();
const seen = new WeakSet();
const registry = new FinalizationRegistry((key) => { refs.delete(key); });

let next = 0;
globalThis.act = async () => {
  for (let i = 0; i < 60; i++) {
    const item = { id: next++, rows: [next] };
    meta.set(item, { about: item.id, text: ['x'] });
    seen.add(item);
    refs.set(item.id % 20, new WeakRef(item));
    registry.register(item, item.id % 20);
  }
  await new Promise((resolve) => setTimeout(resolve, 5));
};
setInterval(() => {}, 1 << 30);
