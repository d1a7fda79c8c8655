// SPDX-License-Identifier: MIT
// Healthy: listeners are added and removed, or run once.
'use strict';
const { EventEmitter, once } = require('node:events');
const bus = new EventEmitter();
const target = new EventTarget();
bus.on('always', () => {});

let next = 0;
globalThis.act = async () => {
  for (let i = 0; i < 50; i++) {
    const state = { id: next++ };
    const listener = () => state;
    bus.on('config', listener);
    target.addEventListener('config', listener);
    bus.once('one', listener);
    bus.emit('one');
    const waited = once(bus, 'two');
    bus.emit('two', state);
    await waited;
    target.removeEventListener('config', listener);
    bus.off('config', listener);
  }
};
setInterval(() => {}, 1 << 30);
