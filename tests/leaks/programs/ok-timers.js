// SPDX-License-Identifier: MIT
// Healthy: timers that are cleared, and timers that fire.
'use strict';
let next = 0;
globalThis.act = async () => {
  const beats = [];
  for (let i = 0; i < 40; i++) {
    const client = { id: next++ };
    beats.push(setInterval(() => client.id, 1000 + i));
    setTimeout(() => client.id, i % 7);
    setImmediate(() => client.id);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (const beat of beats) clearInterval(beat);
};
setInterval(() => {}, 1 << 30);
