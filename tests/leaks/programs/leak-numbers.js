// SPDX-License-Identifier: MIT
// One planted leak without a single object: durations, collected for ever.
//: leak {"name":"Array","kind":"growing collection","count":0,"swells":true,"holder":"durations","says":["Array \"durations\"","itself grows"]}
'use strict';
const durations = [];

let next = 0;
globalThis.act = () => { for (let i = 0; i < 5000; i++) durations.push(next++ / 3); };
setInterval(() => {}, 1 << 30);
