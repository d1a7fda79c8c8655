// SPDX-License-Identifier: MIT
// One planted leak: functions that are kept, each with the scope it captures.
//: leak {"name":"Function","kind":"closure","count":100,"holder":"pending","says":["respond","leak-closure.js:11"]}
'use strict';
const pending = [];

function handle(id) {
  const body = { id, payload: new Array(20).fill(id) };
  const headers = { id: 'h' + id };
  // The function is kept, and with it everything in this scope.
  pending.push(function respond() { return [body, headers]; });
}

let next = 0;
globalThis.act = () => { for (let i = 0; i < 100; i++) handle(next++); };
setInterval(() => {}, 1 << 30);
