// SPDX-License-Identifier: MIT
// One planted leak: the WeakMap is innocent, the list of its keys is not.
//: leak {"name":"Handle","kind":"growing collection","count":20,"holder":"open"}
'use strict';
class Handle {}
class Meta {
  constructor(id) { this.id = id; this.rows = [id]; }
}
const meta = new WeakMap();
const open = [];

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 20; i++) {
    const handle = new Handle();
    meta.set(handle, new Meta(next++));
    open.push(handle);
  }
};
setInterval(() => {}, 1 << 30);
