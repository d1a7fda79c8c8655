// SPDX-License-Identifier: MIT
// One planted leak: a linked list; the newest element holds all older ones.
//: leak {"name":"Version","kind":"growing collection","count":45,"says":["newest"]}
'use strict';
class Version {
  constructor(id, older) { this.id = id; this.older = older; this.diff = [id]; }
}
let newest = null;

let next = 0;
globalThis.act = () => { for (let i = 0; i < 45; i++) newest = new Version(next++, newest); };
globalThis.show = () => newest;
setInterval(() => {}, 1 << 30);
