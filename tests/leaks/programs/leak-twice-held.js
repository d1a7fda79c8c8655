// SPDX-License-Identifier: MIT
// One planted leak: each order is held from two sides, so that neither side alone keeps it.
//: leak {"name":"Order","kind":"growing collection","count":55}
'use strict';
class Order {
  constructor(id) { this.id = id; this.lines = [{ id }]; }
}
const byId = new Map();
const byTime = [];

let next = 0;
globalThis.act = () => {
  for (let i = 0; i < 55; i++) {
    const order = new Order(next++);
    byId.set(order.id, order);
    byTime.push(order);
  }
};
setInterval(() => {}, 1 << 30);
