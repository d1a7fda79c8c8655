// SPDX-License-Identifier: MIT
// One planted leak: a sandbox for each plug-in run, and all of them kept.
//: leak {"kind":"detached context","count":2,"says":["Array \"sandboxes\""]}
'use strict';
const vm = require('node:vm');
const sandboxes = [];

function run(id) {
  const sandbox = vm.createContext({ id, result: null });
  vm.runInContext('result = { twice: id * 2 };', sandbox);
  sandboxes.push(sandbox);
}

let next = 0;
globalThis.act = () => { for (let i = 0; i < 2; i++) run(next++); };
setInterval(() => {}, 1 << 30);
