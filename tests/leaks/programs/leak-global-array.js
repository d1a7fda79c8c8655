// SPDX-License-Identifier: MIT
// One planted leak: the forgotten `const` that makes a global of a list.
//: leak {"name":"Upload","kind":"global reference","count":40,"holder":"uploads","says":["uploads"]}
class Upload {
  constructor(id) { this.id = id; this.parts = [{ id }, { id }]; }
}
uploads = [];

let next = 0;
globalThis.act = () => { for (let i = 0; i < 40; i++) uploads.push(new Upload(next++)); };
setInterval(() => {}, 1 << 30);
