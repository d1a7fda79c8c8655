// SPDX-License-Identifier: MIT
// One planted leak: a plain object used as a cache, without a bound.
//: leak {"name":"Rendered","kind":"growing collection","count":90,"holder":"cache","says":["\"cache\""]}
'use strict';
class Rendered {
  constructor(id) { this.html = ['<p>', id, '</p>']; }
}
const cache = {};

function render(key, id) {
  return cache[key] || (cache[key] = new Rendered(id));
}

let next = 0;
globalThis.act = () => { for (let i = 0; i < 90; i++) render('/page/' + next, next++); };
setInterval(() => {}, 1 << 30);
