// SPDX-License-Identifier: MIT
// One planted leak: an audit log in memory.
//: leak {"name":"AuditRecord","kind":"growing collection","count":70,"holder":"log","says":["Array \"log\""]}
'use strict';
class AuditRecord {
  constructor(id) { this.at = id * 1.5; this.text = 'user ' + id + ' did something'; }
}
const log = [];

let next = 0;
globalThis.act = () => { for (let i = 0; i < 70; i++) log.push(new AuditRecord(next++)); };
setInterval(() => {}, 1 << 30);
