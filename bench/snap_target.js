// SPDX-License-Identifier: MIT
// A Node heap whose snapshot has at least 300 MB, for bench_snap.py. Prints "ready" and idles.
//   node --inspect=127.0.0.1:PORT bench/snap_target.js [OBJECTS]
'use strict';

class Point {
  constructor(i) {
    this.x = i;
    this.name = i % 8 === 0 ? `point number ${i}` : 'point';
    this.near = [i, i + 1];
  }
}

const count = Number(process.argv[2] || 1400000);
globalThis.points = Array.from({ length: count }, (_, i) => new Point(i));
console.log('ready');
setInterval(() => {}, 1000);
