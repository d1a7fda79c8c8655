// SPDX-License-Identifier: MIT
// One planted leak: `once` for an event that never comes; each listener is wrapped by Node.
//: leak {"name":"Function","kind":"listener","count":15,"says":["\"ready\"","onReady","leak-once.js:13"]}
'use strict';
const { EventEmitter } = require('node:events');
const database = new EventEmitter();
database.setMaxListeners(0);

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 15; i++) {
    const query = { id: next++ };
    database.once('ready', function onReady() { return query; });
  }
};
setInterval(() => {}, 1 << 30);
