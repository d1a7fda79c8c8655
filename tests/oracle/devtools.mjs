// SPDX-License-Identifier: MIT
// What Chrome DevTools says of a snapshot, as JSON on standard output.
//
//   node --max-old-space-size=16000 devtools.mjs FILE [--base=OLDER] [--only-load]
//
// totals, a SHA-256 over each column of all nodes (in file order: retained and shallow sizes as
// float64, distances as int32, dominators as uint32 ordinals, little-endian; class names as UTF-8, a
// line feed after each), the rows of the Summary view, and, with --base, those of the Comparison
// view. --only-load stops once all of that could be asked for: what DevTools needs to open a file.
import {createHash} from 'node:crypto';
import {createReadStream, readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {isMainThread, MessageChannel, Worker, workerData} from 'node:worker_threads';

import {HeapSnapshotLoader, SecondaryInitManager} from './worker.mjs';

// DevTools warns of nodes that nothing reaches; they are part of what is compared.
console.warn = () => {};

if (!isMainThread) {
  new SecondaryInitManager(workerData.port);
} else {
  await main(process.argv.slice(2));
}

async function load(path) {
  const loader = new HeapSnapshotLoader({sendEvent() {}});
  for await (const text of createReadStream(path, {encoding: 'utf8', highWaterMark: 1 << 22})) {
    loader.write(text);
    await new Promise(setImmediate);
  }
  loader.close();
  const {port1, port2} = new MessageChannel();
  const second = new Worker(fileURLToPath(import.meta.url), {
    workerData: {port: port2},
    transferList: [port2],
    resourceLimits: {maxOldGenerationSizeMb: 16000},
  });
  second.on('error', error => {
    throw error;
  });
  const snapshot = await loader.buildSnapshot(port1);
  port1.close();
  await second.terminate();
  return snapshot;
}

// One digest per column; `cell` gives a node's entry, `write` puts it into a buffer.
function digestNumbers(snapshot, bytes, write) {
  const column = Buffer.alloc(snapshot.nodeCount * bytes);
  const node = snapshot.createNode(0);
  for (let ordinal = 0; ordinal < snapshot.nodeCount; ordinal++) {
    node.nodeIndex = ordinal * snapshot.nodeFieldCount;
    write(column, node, ordinal * bytes);
  }
  return createHash('sha256').update(column).digest('hex');
}

function digestNames(snapshot) {
  const hash = createHash('sha256');
  const node = snapshot.createNode(0);
  let names = '';
  for (let ordinal = 0; ordinal < snapshot.nodeCount; ordinal++) {
    node.nodeIndex = ordinal * snapshot.nodeFieldCount;
    names += node.className() + '\n';
    if (names.length > 1 << 16) {
      hash.update(names.toWellFormed());
      names = '';
    }
  }
  return hash.update(names.toWellFormed()).digest('hex');
}

function digests(snapshot) {
  const fields = snapshot.nodeFieldCount;
  return {
    retained: digestNumbers(snapshot, 8, (b, n, at) => b.writeDoubleLE(n.retainedSize(), at)),
    shallow: digestNumbers(snapshot, 8, (b, n, at) => b.writeDoubleLE(n.selfSize(), at)),
    distance: digestNumbers(snapshot, 4, (b, n, at) => b.writeInt32LE(n.distance(), at)),
    dominator: digestNumbers(
        snapshot, 4, (b, n, at) => b.writeUInt32LE(n.dominatorIndex() / fields, at)),
    names: digestNames(snapshot),
  };
}

// Keys are DevTools' own: "script,line,column,name", or ",name".
function summary(snapshot) {
  return Object.entries(snapshot.aggregatesWithFilter({}))
      .map(([key, row]) => [key.toWellFormed(), row.count, row.distance, row.self, row.maxRet]);
}

function comparison(target, base) {
  const before = base.aggregatesForDiff(target.interfaceDefinitions());
  return Object.values(target.calculateSnapshotDiff('base', before)).map(row => [
    row.name.toWellFormed(), row.addedCount, row.removedCount, row.countDelta, row.addedSize,
    row.removedSize, row.sizeDelta,
  ]);
}

async function main(words) {
  const file = words.find(word => !word.startsWith('--'));
  const base = words.find(word => word.startsWith('--base='))?.slice('--base='.length);
  if (file === undefined) {
    throw new Error('usage: devtools.mjs FILE [--base=OLDER] [--only-load]');
  }
  const snapshot = await load(file);
  const answer = {
    nodes: snapshot.nodeCount,
    edges: snapshot.containmentEdges.length / snapshot.edgeFieldsCount,
    total_bytes: snapshot.totalSize,
  };
  if (words.includes('--only-load')) {
    answer.classes = summary(snapshot).length;
    answer.peak_kib = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  } else {
    answer.digests = digests(snapshot);
    answer.classes = summary(snapshot);
  }
  if (base !== undefined) {
    answer.diff = comparison(snapshot, await load(base));
  }
  process.stdout.write(JSON.stringify(answer) + '\n', () => process.exit(0));
}
