// SPDX-License-Identifier: MIT
// Healthy, although the inspector keeps what is printed while it looks on.
'use strict';
let next = 0;
globalThis.act = () => { for (let i = 0; i < 20; i++) console.log('served', { id: next++ }); };
setInterval(() => {}, 1 << 30);
