// SPDX-License-Identifier: MIT
// One planted leak: generators that are started, parked in a list, and never run to their end.
//: leak {"kind":"task that never ends","count":35,"holder":"parked","says":["cursor","leak-generator.js"]}
'use strict';
const parked = [];

function* cursor(id) {
  const page = { id, rows: new Array(16).fill(id) };
  for (;;) yield page;
}

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 35; i++) {
    const rows = cursor(next++);
    rows.next();
    parked.push(rows);
  }
};
setInterval(() => {}, 1 << 30);
