// SPDX-License-Identifier: MIT
// One planted leak: timeouts of many durations, hours away, that nobody clears.
//: leak {"name":"Timeout","kind":"timer","count":25,"says":["retry"]}
'use strict';
let next = 0;
function schedule(id) {
  const job = { id, tries: [id] };
  setTimeout(function retry() { job.tries.push(1); }, 3_600_000 + (id % 5) * 60_000);
}
globalThis.act = () => { for (let i = 0; i < 25; i++) schedule(next++); };
setInterval(() => {}, 1 << 30);
