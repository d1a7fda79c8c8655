// SPDX-License-Identifier: MIT
// One planted leak: each request waits for the abort of one signal that is never aborted.
//: leak {"kind":"listener","count":50,"says":["\"abort\"","\"#signal\""]}
'use strict';
const { setMaxListeners } = require('node:events');
const shutdown = new AbortController();
setMaxListeners(0, shutdown.signal);

function handle(id) {
  const state = { id, rows: new Array(10).fill(id) };
  shutdown.signal.addEventListener('abort', function onShutdown() { return state; });
}

let next = 0;
globalThis.act = () => { for (let i = 0; i < 50; i++) handle(next++); };
setInterval(() => {}, 1 << 30);
