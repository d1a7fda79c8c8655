// SPDX-License-Identifier: MIT
// One planted leak: each client gets a heartbeat that is never cleared.
//: leak {"name":"Timeout","kind":"timer","count":25,"says":["heartbeat","leak-timer.js:9"]}
'use strict';
class Client {
  constructor(id) { this.id = id; this.missed = [id]; }
}
function connect(client) {
  setInterval(function heartbeat() { client.missed.push(0); }, 3_600_000);
}

let next = 0;
globalThis.act = () => { for (let i = 0; i < 25; i++) connect(new Client(next++)); };
setInterval(() => {}, 1 << 30);
