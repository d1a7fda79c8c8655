// SPDX-License-Identifier: MIT
// One planted leak: sessions go into a Map and never leave it.
//: leak {"name":"Session","kind":"growing collection","count":200,"holder":"sessions","says":["Session","Map \"sessions\"","leak-map.js","200"]}
'use strict';
class Session {
  constructor(id) {
    this.id = 'session-' + id;
    this.cart = [{ sku: id, price: id / 3 }];
    this.flash = new Map([['hello', { id }]]);
  }
}
const sessions = new Map();

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 200; i++) {
    const session = new Session(next++);
    sessions.set(session.id, session);
  }
};
setInterval(() => {}, 1 << 30);
