// SPDX-License-Identifier: MIT
// One planted leak, spread over many old holders: none of them grows in every round, all do.
//: leak {"name":"Message","kind":"growing collection","count":10,"holder":"rooms"}
'use strict';
class Message {
  constructor(id) { this.id = id; this.text = ['message', id]; }
}
const rooms = new Map();
for (let i = 0; i < 40; i++) rooms.set('room' + i, []);

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 10; i++, next++) rooms.get('room' + (next * 7) % 40).push(new Message(next));
};
setInterval(() => {}, 1 << 30);
