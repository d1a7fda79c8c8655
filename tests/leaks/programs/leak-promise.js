// SPDX-License-Identifier: MIT
// One planted leak: work is queued behind a promise that never settles.
//: leak {"name":"Promise","kind":"promise chain","count":60,"holder":"ready"}
'use strict';
class Loader {
  constructor() { this.ready = new Promise(() => {}); }
}
const loader = new Loader();

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 60; i++) {
    const request = { id: next++, rows: [next] };
    loader.ready.then(function whenReady() { return request; });
  }
};
setInterval(() => {}, 1 << 30);
