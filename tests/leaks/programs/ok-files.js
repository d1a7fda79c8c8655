// SPDX-License-Identifier: MIT
// Healthy: files, streams, compression, hashes, sandboxes that end: Node's own machinery at work.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const { pipeline } = require('node:stream/promises');
const { Readable, Writable } = require('node:stream');
const vm = require('node:vm');
const zlib = require('node:zlib');

globalThis.act = async () => {
  for (let i = 0; i < 5; i++) {
    const text = await fs.promises.readFile(__filename, 'utf8');
    const hash = crypto.createHash('sha256').update(text).digest('hex');
    const packed = zlib.gzipSync(text);
    const out = [];
    await pipeline(Readable.from([packed]), zlib.createGunzip(),
      new Writable({ write(chunk, _, done) { out.push(chunk); done(); } }));
    new URL('http://localhost/' + hash).searchParams.get('x');
    structuredClone({ hash, out: out.length });
    const controller = new AbortController();
    controller.signal.addEventListener('abort', () => hash);
    controller.abort();
  }
  vm.runInNewContext('x = { y: 1 }', { x: null });
  await new Promise((resolve) => setTimeout(resolve, 10));
};
setInterval(() => {}, 1 << 30);
