// SPDX-License-Identifier: MIT
// One planted leak, of objects held twice, while other objects of the same class go away faster.
//: leak {"name":"Object","kind":"growing collection","count":20}
'use strict';
const backlog = [];
for (let i = 0; i < 1500; i++) backlog.push({ i });
const log = [];
const byId = new Map();

let next = 0;
globalThis.act = () => {
  backlog.length -= 100;
  for (let i = 0; i < 20; i++) {
    const entry = { i: next++ };
    log.push(entry);
    byId.set(next, entry);
  }
};
setInterval(() => {}, 1 << 30);
