// SPDX-License-Identifier: MIT
// Healthy: a cache that fills while the program warms up and is then complete.
'use strict';
class Template {
  constructor(name) { this.name = name; this.parts = name.split('-'); }
}
const templates = new Map();
const compiled = {};

function render(name, value) {
  if (!templates.has(name)) templates.set(name, new Template(name));
  compiled[name] = compiled[name] || ((v) => templates.get(name).parts.join(v));
  return compiled[name](value);
}
let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 200; i++) render('page-' + (i % 50) + '-body', String(next++));
};
setInterval(() => {}, 1 << 30);
