// SPDX-License-Identifier: MIT
// One planted leak: a tree that only grows; new leaves hang on old ones, all over it.
//: leak {"name":"TreeNode","kind":"growing collection","count":30,"says":["\"root\""]}
'use strict';
class TreeNode {
  constructor(key) { this.key = key; this.left = null; this.right = null; this.rows = [key]; }
}
let root = null;

function insert(key) {
  const leaf = new TreeNode(key);
  if (!root) { root = leaf; return; }
  for (let at = root; ;) {
    const side = key < at.key ? 'left' : 'right';
    if (!at[side]) { at[side] = leaf; return; }
    at = at[side];
  }
}
let next = 0;
globalThis.act = () => { for (let i = 0; i < 30; i++) insert((next++ * 7919) % 100_003); };
setInterval(() => {}, 1 << 30);
