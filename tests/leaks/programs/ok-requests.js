// SPDX-License-Identifier: MIT
// Healthy: requests with many temporary objects, and counters of what they did.
'use strict';
const routes = { '/a': (r) => ({ ...r, a: 1 }), '/b': (r) => [r, r], '/c': (r) => JSON.stringify(r) };
const metrics = { requests: 0, bytes: 0, byRoute: { '/a': 0, '/b': 0, '/c': 0 }, last: null };

let next = 0;
function handle(path) {
  const request = { id: next++, headers: { host: 'x' + next, date: String(new Date()) }, at: next / 7 };
  const body = routes[path](request);
  metrics.requests++;
  metrics.bytes += JSON.stringify(body).length * 0.5;
  metrics.byRoute[path]++;
  metrics.last = request;
}
globalThis.act = () => { for (let i = 0; i < 400; i++) handle(['/a', '/b', '/c'][i % 3]); };
setInterval(() => {}, 1 << 30);
