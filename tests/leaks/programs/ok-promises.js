// SPDX-License-Identifier: MIT
// Healthy: chains, races and async functions that all come to their end.
'use strict';
let tail = Promise.resolve();
let next = 0;

async function task(id) {
  const rows = [id];
  await null;
  for await (const x of (async function* () { yield 1; yield 2; })()) rows.push(x);
  return rows;
}
globalThis.act = async () => {
  for (let i = 0; i < 50; i++) {
    const item = { id: next++ };
    tail = tail.then(() => task(item.id)).then(() => undefined);
    await Promise.race([task(i), new Promise((resolve) => setImmediate(resolve))]);
  }
  await Promise.allSettled([tail, Promise.reject(new Error('no')), task(1)]);
};
setInterval(() => {}, 1 << 30);
