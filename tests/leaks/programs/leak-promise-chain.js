// SPDX-License-Identifier: MIT
// One planted leak: one chain, ever longer, behind a link that never settles.
//: leak {"name":"Promise","kind":"promise chain","count":60}
'use strict';
let tail = new Promise(() => {});
const head = tail;

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 60; i++) {
    const write = { id: next++, rows: [next] };
    tail = tail.then(function flush() { return write; });
  }
};
globalThis.inspectHead = () => head;
setInterval(() => {}, 1 << 30);
