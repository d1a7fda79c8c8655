// SPDX-License-Identifier: MIT
// One planted leak, spread over properties of old elements of a Map.
//: leak {"name":"Visit","kind":"growing collection","count":20,"holder":"history","says":["\"history\""]}
'use strict';
class User {
  constructor(id) { this.id = id; this.history = []; }
}
class Visit {
  constructor(page) { this.page = page; this.at = page / 3; }
}
const users = new Map();
for (let i = 0; i < 50; i++) users.set('u' + i, new User(i));

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 20; i++, next++) users.get('u' + (next * 7) % 50).history.push(new Visit(next));
};
setInterval(() => {}, 1 << 30);
