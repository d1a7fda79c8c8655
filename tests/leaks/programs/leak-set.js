// SPDX-License-Identifier: MIT
// One planted leak: a Set of connections that nobody is taken out of.
//: leak {"name":"Connection","kind":"growing collection","count":30,"holder":"seen","says":["Set"]}
'use strict';
class Connection {
  constructor(id) { this.id = id; this.buffer = new Uint8Array(64); }
}
class Registry {
  constructor() { this.seen = new Set(); }
  add(connection) { this.seen.add(connection); }
}
const registry = new Registry();

let next = 0;
globalThis.act = () => { for (let i = 0; i < 30; i++) registry.add(new Connection(next++)); };
setInterval(() => {}, 1 << 30);
