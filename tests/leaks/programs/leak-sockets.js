// SPDX-License-Identifier: MIT
// One planted leak: connections that are opened and never closed; only the runtime holds them.
//: leak {"kind":"other","count":8,"says":["the runtime itself"]}
'use strict';
const net = require('node:net');
let accepted = 0;
let opened = 0;
const server = net.createServer((socket) => { accepted++; socket.on('data', () => {}); });
const listening = new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

globalThis.act = async () => {
  await listening;
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => net.connect(server.address().port, '127.0.0.1', resolve));
    opened++;
  }
  while (accepted < opened) await new Promise(setImmediate);
};
