// SPDX-License-Identifier: MIT
// One planted leak: answers that are waited for, two promises each; who would give them never does.
//: leak {"kind":"promise chain","count":50,"says":["Promises","Map \"asked\""]}
'use strict';
const asked = new Map();
let next = 0;

function ask(number) {
  const rows = new Array(200).fill(number);
  new Promise((answer) => asked.set(number, answer)).then(() => rows.length);
}

globalThis.act = () => { for (let i = 0; i < 25; i++) ask(next++); };
setInterval(() => {}, 1 << 30);
