// SPDX-License-Identifier: MIT
// Healthy: objects of a pool go out and come back.
'use strict';
class Worker {
  constructor(id) { this.id = id; this.scratch = new Float64Array(32); this.job = null; }
}
const free = [];
const busy = new Set();
for (let i = 0; i < 40; i++) free.push(new Worker(i));

let next = 0;
globalThis.act = () => {
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 30; i++) {
      const worker = free.pop();
      worker.job = { id: next++, rows: [next] };
      busy.add(worker);
    }
    for (const worker of busy) { worker.job = null; free.push(worker); }
    busy.clear();
  }
};
setInterval(() => {}, 1 << 30);
