// SPDX-License-Identifier: MIT
// The two classes of DevTools' heap snapshot worker that the driver needs; build.mjs bundles them.
import {SecondaryInitManager} from 'chrome-devtools-frontend/front_end/entrypoints/heap_snapshot_worker/HeapSnapshot.ts';
import {HeapSnapshotLoader} from 'chrome-devtools-frontend/front_end/entrypoints/heap_snapshot_worker/HeapSnapshotLoader.ts';

export {HeapSnapshotLoader, SecondaryInitManager};
