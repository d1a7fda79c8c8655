// SPDX-License-Identifier: MIT
// One planted leak: each request adds a listener to a bus that lives for ever.
//: leak {"name":"Function","kind":"listener","count":50,"holder":"_events","says":["\"config\"","leak-listener.js:14"]}
'use strict';
const { EventEmitter } = require('node:events');

class ConfigBus extends EventEmitter {}
const bus = new ConfigBus();
bus.setMaxListeners(0);
bus.on('start', () => {});

function handle(id) {
  const state = { id, rows: new Array(10).fill(id) };
  bus.on('config', function onConfig() { return state; });
}

let next = 0;
globalThis.act = () => { for (let i = 0; i < 50; i++) handle(next++); };
setInterval(() => {}, 1 << 30);
