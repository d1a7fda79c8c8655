// SPDX-License-Identifier: MIT
// One planted leak: async functions that wait for a lock nobody ever gives back.
//: leak {"kind":"task that never ends","count":35,"says":["worker","leak-task.js"]}
'use strict';
class Lock {
  constructor() { this.released = new Promise(() => {}); }
}
const lock = new Lock();

async function worker(id) {
  const buffer = { id, rows: new Array(16).fill(id) };
  await lock.released;
  return buffer;
}

let next = 0;
globalThis.act = () => { for (let i = 0; i < 35; i++) worker(next++); };
setInterval(() => {}, 1 << 30);
