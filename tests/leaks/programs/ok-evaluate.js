// SPDX-License-Identifier: MIT
// Healthy: functions, objects with new shapes, and patterns, made from text and dropped again.
'use strict';
let next = 0;
let last = null;
globalThis.act = () => {
  for (let i = 0; i < 20; i++) {
    last = new Function('x', 'return x + ' + next++)(1);
    last = { ['property' + next]: last };
    new RegExp('a' + next).test('a');
    (next * 1.234).toLocaleString('de');
    new Intl.DateTimeFormat('en').format(new Date(next * 1e7));
  }
};
setInterval(() => {}, 1 << 30);
