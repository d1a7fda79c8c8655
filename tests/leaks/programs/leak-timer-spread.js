// SPDX-License-Identifier: MIT
// One planted leak: timeouts hours away, each with a duration of its own.
//: leak {"name":"Timeout","kind":"timer","count":25,"says":["expire","leak-timer-spread.js:8"]}
'use strict';
let next = 0;
function schedule(id) {
  const lease = { id, owner: [id] };
  setTimeout(function expire() { lease.owner.push(1); }, 3_600_000 + id * 1000);
}
globalThis.act = () => { for (let i = 0; i < 25; i++) schedule(next++); };
setInterval(() => {}, 1 << 30);
