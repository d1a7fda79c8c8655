// SPDX-License-Identifier: MIT
// Healthy: code is compiled, warmed up and optimised, each round another part of it.
'use strict';
const sources = [];
for (let i = 0; i < 60; i++) {
  sources.push(`(function f${i}(a, b) { let s = 0; for (let k = 0; k < a.length; k++) ` +
    `s += a[k] * b + ${i}; return { s, name: 'r${i}', list: [s, b] }; })`);
}
const lazy = {
  a(x) { return x.s + 1; }, b(x) { return x.list.map((y) => y * 2); }, c(x) { return `${x.name}!`; },
  d(x) { return /r(\d+)/.exec(x.name)[1]; }, e(x) { return Object.keys(x).sort(); },
  f(x) { return new Map(Object.entries(x)).size; }, g(x) { try { null.x(); } catch (e) { return e; } },
  h(x) { return Promise.resolve(x); }, i(x) { return [...'abc'].concat(x.list); },
  j(x) { class T { get v() { return x.s; } } return new T().v; },
};
const functions = sources.map((text) => (0, eval)(text));
const names = Object.keys(lazy);

let round = 0;
globalThis.act = async () => {
  const numbers = Array.from({ length: 50 }, (_, i) => i / 3);
  const hot = functions[round % functions.length];
  const cold = lazy[names[round % names.length]];
  round++;
  for (let i = 0; i < 3000; i++) hot(numbers, i);
  for (let i = 0; i < 50; i++) await cold(hot(numbers, i));
};
setInterval(() => {}, 1 << 30);
