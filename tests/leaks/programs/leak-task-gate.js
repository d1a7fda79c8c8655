// SPDX-License-Identifier: MIT
// One planted leak: async functions that wait for a gate; what would open it is kept, never called.
//: leak {"kind":"task that never ends","count":25,"says":["visit","leak-task-gate.js","Set \"gate\""]}
'use strict';
const gate = new Set();

async function visit(number) {
  const data = { number, rows: new Array(200).fill('z') };
  await new Promise((open) => gate.add(open));
  return data;
}

let next = 0;
globalThis.act = () => { for (let i = 0; i < 25; i++) visit(next++); };
setInterval(() => {}, 1 << 30);
