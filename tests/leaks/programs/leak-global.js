// SPDX-License-Identifier: MIT
// One planted leak: every job leaves a property on the global object.
//: leak {"name":"Job","kind":"global reference","count":40,"says":["job"]}
'use strict';
class Job {
  constructor(id) { this.id = id; this.steps = [{ id }, { id }]; }
}

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 40; i++) {
    globalThis['job' + next] = new Job(next);
    next++;
  }
};
setInterval(() => {}, 1 << 30);
