// SPDX-License-Identifier: MIT
// Healthy: much text, many numbers made text, patterns, keys computed at run time; none is kept.
'use strict';
let next = 0;
let sink = '';
globalThis.act = () => {
  const dictionary = Object.create(null);
  for (let i = 0; i < 300; i++) {
    const text = 'row ' + next + ';' + next / 3 + ';' + (next++).toString(16);
    dictionary['k' + next] = text.split(';');
    sink = text.replace(/(\d+)/g, (all, n) => '<' + n + '>').slice(2, 40);
    sink += `${Math.sqrt(next)} ${new Date(next * 1e6).toISOString()}`;
    Symbol.for('s' + (i % 10));
    sink = JSON.parse(JSON.stringify({ ['p' + (next % 97)]: sink })).p1 || sink;
    sink = encodeURIComponent(sink).toLowerCase().normalize().padEnd(60).trim();
  }
  return Object.keys(dictionary).length + sink.length;
};
setInterval(() => {}, 1 << 30);
