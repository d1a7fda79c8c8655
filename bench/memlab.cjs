// SPDX-License-Identifier: MIT
// What memlab needs to open a snapshot: parse, dominators, retained sizes; nothing else of it runs.
//   node --max-old-space-size=16000 memlab.cjs RUNTIMES FILE
'use strict';
const path = require('path');
const core = path.join(process.argv[2], 'memlab', 'node_modules', '@memlab', 'core');
const {utils, config} = require(core);
const TraceFinder = require(path.join(core, 'dist', 'paths', 'TraceFinder')).default;

config.muteConsole = true;
utils.getSnapshotFromFile(process.argv[3], {buildNodeIdIndex: false}).then(heap => {
  new TraceFinder().calculateAllNodesRetainedSizes(heap);
  let retained = 0;
  heap.nodes.forEach(node => {
    retained = Math.max(retained, node.retainedSize);
  });
  console.log(JSON.stringify({nodes: heap.nodes.length, largest_retained_bytes: retained}));
});
