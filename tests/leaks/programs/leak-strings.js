// SPDX-License-Identifier: MIT
// One planted leak: the same text again and again, each time a string of its own.
//: leak {"name":"(string)","kind":"duplicated strings","count":150,"holder":"statuses","says":["delivered to the customer"]}
'use strict';
const statuses = [];
const raw = Buffer.from('delivered to the customer in good order');

globalThis.act = () => { for (let i = 0; i < 150; i++) statuses.push(raw.toString('latin1')); };
setInterval(() => {}, 1 << 30);
