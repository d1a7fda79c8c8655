// SPDX-License-Identifier: MIT
// One planted leak: buffers outside the V8 heap, held by small objects inside.
//: leak {"kind":"growing collection","count":12,"holder":"chunks"}
'use strict';
const chunks = [];

globalThis.act = () => { for (let i = 0; i < 12; i++) chunks.push(Buffer.alloc(20_000)); };
setInterval(() => {}, 1 << 30);
