// SPDX-License-Identifier: MIT
// Healthy: a ring of the last requests, full, and a rolling window of durations.
'use strict';
class LogLine {
  constructor(id) { this.id = id; this.text = 'GET /' + id; this.at = [id]; }
}
const ring = new Array(64).fill(null);
const window = [];
let next = 0;

globalThis.act = () => {
  for (let i = 0; i < 90; i++) {
    ring[next % ring.length] = new LogLine(next);
    window.push({ ms: next / 7 });
    if (window.length > 40) window.shift();
    next++;
  }
};
for (let i = 0; i < 3; i++) globalThis.act();
setInterval(() => {}, 1 << 30);
