// SPDX-License-Identifier: MIT
// Healthy: worker threads and child processes that come and go.
'use strict';
const { execFile } = require('node:child_process');
const { Worker } = require('node:worker_threads');

globalThis.act = async () => {
  const worker = new Worker('require("worker_threads").parentPort.postMessage(1)', { eval: true });
  await new Promise((resolve) => worker.on('exit', resolve));
  await new Promise((resolve) => execFile('/bin/true', resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
};
setInterval(() => {}, 1 << 30);
