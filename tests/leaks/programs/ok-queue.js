// SPDX-License-Identifier: MIT
// Healthy: a linked queue that is worked through as fast as it fills, and promises one after another.
'use strict';
class Task {
  constructor(id) { this.id = id; this.next = null; this.input = { rows: [id] }; }
}
class Queue {
  constructor() { this.head = null; this.tail = null; }
  push(task) {
    if (this.tail) this.tail.next = task; else this.head = task;
    this.tail = task;
  }
  shift() {
    const task = this.head;
    this.head = task.next;
    return task;
  }
}
const queue = new Queue();
let next = 0;
let first = null;
let last = null;
for (let i = 0; i < 200; i++) {
  queue.push(new Task(next++));
  const cell = { id: next, next: null, payload: new Task(next) };
  if (last) last.next = cell; else first = cell;
  last = cell;
}
globalThis.act = () => {
  for (let i = 0; i < 30; i++) {
    queue.push(new Task(next++));
    queue.shift();
    last = last.next = { id: next, next: null, payload: new Task(next) };
    first = first.next;
  }
};
setInterval(() => {}, 1 << 30);
