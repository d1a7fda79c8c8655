#!/usr/bin/env node
// SPDX-License-Identifier: MIT
//
// A series of heap snapshots of one real Node program, over one inspector connection, as a person
// with a debugger would take it: start it, warm it up, snapshot, act, snapshot, act, snapshot.
// The program runs in its own process (any version); this driver needs one with a WebSocket
// (Node 22 or later). Ids stay comparable because the profiler is never disabled in between.
//
//   node series.js NODE PROGRAM OUTDIR [--warm N] [--rounds N] [--acts N]
//
// Writes OUTDIR/0.heapsnapshot … and prints nothing; any failure is a thrown error.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const STEP_TIMEOUT_MS = 60_000;

function parse(argv) {
  const options = { warm: 2, rounds: 2, acts: 1 };
  const operands = [];
  for (let i = 0; i < argv.length; i++) {
    if (argv[i].startsWith('--')) options[argv[i].slice(2)] = Number(argv[++i]);
    else operands.push(argv[i]);
  }
  if (operands.length !== 3) throw new Error('usage: series.js NODE PROGRAM OUTDIR [--warm N]');
  return { ...options, node: operands[0], program: operands[1], out: operands[2] };
}

function start(node, program) {
  const child = spawn(node, ['--inspect=127.0.0.1:0', program], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PORT: '0', NODE_OPTIONS: '' },
  });
  const address = new Promise((resolve, reject) => {
    let text = '';
    child.stderr.on('data', (data) => {
      text += data;
      const found = /ws:\/\/[^\s]+/.exec(text);
      if (found) resolve(found[0]);
    });
    child.on('exit', (code) => reject(new Error(`the program ended (${code}): ${text}`)));
  });
  return { child, address };
}

class Connection {
  static async open(address) {
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error('no connection to ' + address));
    });
    return new Connection(socket);
  }

  constructor(socket) {
    this.socket = socket;
    this.waiting = new Map();
    this.next = 1;
    this.chunk = null;
    socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    socket.onclose = () => {
      for (const { reject } of this.waiting.values()) reject(new Error('the target went away'));
    };
  }

  receive(message) {
    if (message.method === 'HeapProfiler.addHeapSnapshotChunk') this.chunk(message.params.chunk);
    const call = this.waiting.get(message.id);
    if (!call) return;
    this.waiting.delete(message.id);
    if (message.error) call.reject(new Error(JSON.stringify(message.error)));
    else call.resolve(message.result);
  }

  call(method, params = {}) {
    const id = this.next++;
    this.socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(method + ': no answer')), STEP_TIMEOUT_MS);
      const done = (end) => (value) => (clearTimeout(timer), end(value));
      this.waiting.set(id, { resolve: done(resolve), reject: done(reject) });
    });
  }

  /** The inspector answers in the middle of anything: wait until the program has been loaded. */
  async ready() {
    const expression =
      'new Promise((resolve) => setTimeout(() => resolve(typeof globalThis.act), 1))';
    const reply = await this.call('Runtime.evaluate',
      { expression, awaitPromise: true, returnByValue: true });
    if (reply.result.value !== 'function') throw new Error('the program has no act()');
  }

  async act(times) {
    for (let i = 0; i < times; i++) {
      const reply = await this.call('Runtime.evaluate',
        { expression: 'globalThis.act()', awaitPromise: true, returnByValue: true });
      if (reply.exceptionDetails) {
        throw new Error('act() threw: ' + JSON.stringify(reply.exceptionDetails));
      }
    }
  }

  async snapshot(file) {
    await this.call('HeapProfiler.collectGarbage');
    const fd = fs.openSync(file, 'w');
    this.chunk = (text) => fs.writeSync(fd, text);
    await this.call('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    fs.closeSync(fd);
  }
}

async function main() {
  const options = parse(process.argv.slice(2));
  fs.mkdirSync(options.out, { recursive: true });
  const { child, address } = start(options.node, options.program);
  try {
    const connection = await Connection.open(await address);
    await connection.call('HeapProfiler.enable');
    await connection.ready();
    await connection.act(options.warm * options.acts);
    for (let round = 0; round <= options.rounds; round++) {
      if (round > 0) await connection.act(options.acts);
      await connection.snapshot(path.join(options.out, round + '.heapsnapshot'));
    }
    connection.socket.close();
  } finally {
    child.removeAllListeners('exit');
    child.kill('SIGKILL');
  }
}

main().catch((error) => {
  process.stderr.write('series: ' + error.stack + '\n');
  process.exitCode = 1;
});
