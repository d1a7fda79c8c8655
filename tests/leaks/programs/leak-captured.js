// SPDX-License-Identifier: MIT
// One planted leak: each thing keeps the one before, since a function of its captured the scope.
//: leak {"kind":"closure","count":20,"says":["method","captures it as \"before\"","leak-captured.js"]}
'use strict';
let thing = null;

function replace() {
  const before = thing;
  const unused = () => before && console.log('never called');
  thing = { rows: new Array(100).fill(1), unused: typeof unused, method() { return 1; } };
}

globalThis.act = () => { for (let i = 0; i < 20; i++) replace(); };
setInterval(() => {}, 1 << 30);
